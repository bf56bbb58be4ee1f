// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648), read strictly: no white space, exact padding, and no bits set that the last character
// does not carry, so each value has one text only.
#ifndef CC_JOSE_BASE64_H_
#define CC_JOSE_BASE64_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::jose {

// Standard alphabet with padding.
std::string Base64Encode(std::string_view bytes);
absl::StatusOr<std::string> Base64Decode(std::string_view text);

// URL alphabet without padding.
std::string Base64UrlEncode(std::string_view bytes);
absl::StatusOr<std::string> Base64UrlDecode(std::string_view text);

}  // namespace cc::jose

#endif  // CC_JOSE_BASE64_H_
