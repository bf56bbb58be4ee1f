// SPDX-License-Identifier: Apache-2.0
// The kinds of thread in cc-vmm. Each has its own list of system calls (rules.h).
#ifndef CC_VMM_KVM_JAIL_THREADS_H_
#define CC_VMM_KVM_JAIL_THREADS_H_

#include <cstdint>

namespace cc::vmm::kvm::jail {

enum class ThreadKind : uint8_t {
  kBuilder,  // the only thread, from the jail's closing until the guest starts
  kMain,     // the same one afterwards: the shim's commands, and the end
  kDevices,  // serves the virtio devices
  kVcpu,     // runs a vCPU
};
inline constexpr int kThreadKinds = 4;

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_THREADS_H_
