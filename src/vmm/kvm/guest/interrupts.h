// SPDX-License-Identifier: Apache-2.0
// Device interrupts and doorbells through eventfds that KVM itself serves, where the VM has them; a Realm's
// may not, then by a call for each.
#ifndef CC_VMM_KVM_GUEST_INTERRUPTS_H_
#define CC_VMM_KVM_GUEST_INTERRUPTS_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "cca/realm/kvm_calls.h"

namespace cc::vmm::kvm {

// Raises an edge on a shared peripheral interrupt. Any thread. `vm` must stay open as long as it is used.
absl::StatusOr<std::function<void()>> MakeInterrupt(cca::realm::KvmCalls& kvm, int vm, uint32_t spi);

// From now on KVM writes `event` when the guest writes the 32-bit `value` to `address`. False when the VM
// cannot, and the write leaves the guest as any other does.
bool AddDoorbell(cca::realm::KvmCalls& kvm, int vm, uint64_t address, uint32_t value, int event);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_INTERRUPTS_H_
