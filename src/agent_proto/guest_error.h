// SPDX-License-Identifier: Apache-2.0
// Errors that a guest's agent answers. Their text is the guest's and goes on to people and logs.
#ifndef CC_AGENT_PROTO_GUEST_ERROR_H_
#define CC_AGENT_PROTO_GUEST_ERROR_H_

#include "absl/status/status.h"

namespace cc::agent_proto {

// The same code with the readable part of the message: what follows a blank line (upstream's agent appends a
// backtrace of some seventy lines) and all beyond 2 KiB is cut, control characters become spaces.
absl::Status GuestError(const absl::Status& status);

}  // namespace cc::agent_proto

#endif  // CC_AGENT_PROTO_GUEST_ERROR_H_
