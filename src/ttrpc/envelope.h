// SPDX-License-Identifier: Apache-2.0
// The two messages inside frames, to and from bytes. A status is cleaned on both ways, because its text may
// hold paths or output of a hostile or merely sloppy program.
#ifndef CC_TTRPC_ENVELOPE_H_
#define CC_TTRPC_ENVELOPE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::ttrpc {

// Body of a response frame. One that would be above the frame limit becomes ResourceExhausted.
std::string EncodeResponse(const absl::Status& status, std::string&& payload);

// The payload, or the status that the server sent. Internal when `body` is no response.
absl::StatusOr<std::string> DecodeResponse(std::string_view body);

// `text` cut to 16 KiB, bytes that are no UTF-8 replaced by '?': peers in Go refuse a whole message for one
// bad byte in a string.
std::string CleanText(std::string_view text);

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_ENVELOPE_H_
