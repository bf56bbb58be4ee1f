// SPDX-License-Identifier: Apache-2.0
// A place of its own for the process: namespaces, and a root without files. For a process with one thread.
//
// No PID namespace: it would hold children only, cc-vmm is the shim's own child (supervised by pidfd) and
// makes none; and a process whose children would get another PID namespace can make no threads (clone(2),
// EINVAL). The filters keep it from other processes instead.
#ifndef CC_VMM_KVM_JAIL_NAMESPACES_H_
#define CC_VMM_KVM_JAIL_NAMESPACES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::vmm::kvm::jail {

// kKeep: the process is in the pod's network namespace, and must be found there: clients set up the pod's
// network in the namespace of the task's process. Nothing of the node is in it; the process has no capability
// over it, and can make no socket but unix ones.
enum class Network { kOwn, kKeep };

// New mount, IPC, UTS and, unless kept, network namespaces, owned by a new user namespace with this user
// alone where the kernel allows one. What it did not allow comes back, in words for a log. A mount namespace
// is not optional.
absl::StatusOr<std::vector<std::string>> EnterNamespaces(Network network);

// Makes an empty, read-only tmpfs the root, with one directory kWorkDir: the present working directory, which
// becomes a mount of its own, without programs and device files; ".." there leads to the new root. It is the
// working directory afterwards. Descriptors of directories that are still open lead out; close them.
inline constexpr char kWorkDir[] = "/vm";
absl::Status EnterEmptyRoot();

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_NAMESPACES_H_
