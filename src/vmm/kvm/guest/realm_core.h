// SPDX-License-Identifier: Apache-2.0
// A VM that is a Realm: tee = "cca", or nothing.
#ifndef CC_VMM_KVM_GUEST_REALM_CORE_H_
#define CC_VMM_KVM_GUEST_REALM_CORE_H_

#include "absl/status/statusor.h"
#include "cca/realm/kvm_calls.h"
#include "vmm/kvm/guest/guest.h"
#include "vmm/kvm/guest/machine_parts.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::vmm::kvm {

// Makes the Realm that `ccctl measure` predicts for the machine, on `device`
// (/dev/kvm). FailedPrecondition when this host cannot, with what is missing;
// never an ordinary VM instead.
absl::StatusOr<VmCore> MakeRealm(cca::realm::KvmCalls& kvm, int device, const Machine& machine,
                                 VmParts& parts);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_REALM_CORE_H_
