// SPDX-License-Identifier: Apache-2.0
// What the data hub tells the agent, once, over a pipe: whether the hardware vouches for the initdata. The
// agent applies none of it before. The verdict is one word and an end of file, so one that is cut short is
// none: "bound", "no-tee", or "refused" with a space and the reason.
#ifndef CC_INITDATA_VERDICT_H_
#define CC_INITDATA_VERDICT_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::initdata {

// The name of the option that gives the data hub the pipe's number.
inline constexpr std::string_view kVerdictOption = "--initdata_verdict";

enum class Binding {
  kBound,  // the evidence of this guest announces this initdata, or there is none
  kNoTee,  // no hardware is there to vouch for anything
};

// An error is a refusal; its message is the reason.
absl::Status WriteVerdict(int fd, const absl::StatusOr<Binding>& verdict);

// Blocks until the other end is closed everywhere. PermissionDenied with the reason when it was a refusal;
// Unavailable when the writer ended without a verdict, or it is no verdict.
absl::StatusOr<Binding> ReadVerdict(int fd);

}  // namespace cc::initdata

#endif  // CC_INITDATA_VERDICT_H_
