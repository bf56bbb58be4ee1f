// SPDX-License-Identifier: Apache-2.0
// The `delete` command: containerd calls it when a shim is gone or does not answer.
#ifndef CC_SHIM_DELETE_H_
#define CC_SHIM_DELETE_H_

#include <string>

#include "absl/status/statusor.h"
#include "shim/flags.h"

namespace cc::shim {

// Kills the VM and what is left of the daemon by the record in the bundle (safe against reused pids), removes
// the sandbox's state directory and socket and what it added to the pod's network namespace. Returns a
// serialized DeleteResponse with status 137. Works again and again; a bundle without a record (a pod's
// member, a shim that never got that far) has nothing to clean.
absl::StatusOr<std::string> Delete(const Flags& flags);

}  // namespace cc::shim

#endif  // CC_SHIM_DELETE_H_
