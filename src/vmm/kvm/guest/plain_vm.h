// SPDX-License-Identifier: Apache-2.0
// A VM that is no Realm: the same pages and registers, executed on ordinary memory.
#ifndef CC_VMM_KVM_GUEST_PLAIN_VM_H_
#define CC_VMM_KVM_GUEST_PLAIN_VM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cca/plan.h"
#include "cca/realm/kvm_calls.h"
#include "vmm/kvm/guest/machine_parts.h"
#include "vmm/virtio/guest_memory.h"

namespace cc::vmm::kvm {

struct PlainVm {
  std::shared_ptr<const virtio::GuestMemory> memory;  // goes after the VM
  UniqueFd vm;
};

// Makes vCPUs and interrupt controller of `parts`, copies the content, and sets the first vCPU's registers.
// FailedPrecondition when the machine's address space is too small for the layout.
absl::StatusOr<PlainVm> CreatePlainVm(cca::realm::KvmCalls& kvm, int device, const cca::RealmLayout& layout,
                                      VmParts& parts);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_PLAIN_VM_H_
