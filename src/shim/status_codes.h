// SPDX-License-Identifier: Apache-2.0
// The status codes that containerd's clients can name.
#ifndef CC_SHIM_STATUS_CODES_H_
#define CC_SHIM_STATUS_CODES_H_

#include "absl/status/status.h"

namespace cc::shim {

// containerd (errdefs) keeps eight codes and shows every other one as "unknown". Those become
// FailedPrecondition, OutOfRange InvalidArgument; the message, which holds the cause, is unchanged.
absl::Status ForContainerd(const absl::Status& status);

}  // namespace cc::shim

#endif  // CC_SHIM_STATUS_CODES_H_
