// SPDX-License-Identifier: Apache-2.0
// The termination message: what a container wrote to /dev/termination-log (or another path that its pod
// names) is brought to the host's file, where kubelet reads it after the container's end.
#ifndef CC_SHIM_TERMINATION_LOG_H_
#define CC_SHIM_TERMINATION_LOG_H_

#include <string_view>

#include "absl/status/status.h"
#include "shim/mounts.h"

namespace cc::shim {

// kubelet's limit (MaxContainerTerminationMessageLength).
inline constexpr size_t kMaxTerminationMessage = 4096;

// `message` comes from the guest: any bytes, the last kMaxTerminationMessage of them are kept. The host's
// file must still be the one that was mounted, a plain file; otherwise FailedPrecondition. An empty message
// leaves it as it is.
absl::Status WriteTerminationMessage(const TerminationLog& log, std::string_view message);

}  // namespace cc::shim

#endif  // CC_SHIM_TERMINATION_LOG_H_
