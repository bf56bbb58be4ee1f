// SPDX-License-Identifier: Apache-2.0
// What a process may do by virtue of what it is: capabilities, limits, and who may look into it.
#ifndef CC_VMM_KVM_JAIL_PRIVILEGES_H_
#define CC_VMM_KVM_JAIL_PRIVILEGES_H_

#include <cstdint>

#include "absl/status/status.h"

namespace cc::vmm::kvm::jail {

struct Limits {
  uint64_t file_bytes = 0;   // of the largest file it may write, guest memory included
  uint64_t descriptors = 0;  // open at the same time
  // Threads of its user. Root of the host is exempt (the kernel's copy_process); the filters stop new threads
  // once the guest runs.
  uint64_t threads = 0;
};

// Also no core file. A file that would grow beyond its limit is a failed write (EFBIG), not a signal.
absl::Status SetLimits(const Limits& limits);

// None is left in any set, the bounding set included, and none can come back: no_new_privs. Not dumpable:
// neither a core file nor a tracer of the same user.
absl::Status DropPrivileges();

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_PRIVILEGES_H_
