// SPDX-License-Identifier: Apache-2.0
// The few registers of a Realm's vCPU that its VMM may set. All others are the RMM's: EL1 starts with the MMU
// off and interrupts masked.
#ifndef CC_CCA_REALM_REGISTERS_H_
#define CC_CCA_REALM_REGISTERS_H_

#include "absl/status/status.h"
#include "cca/plan.h"
#include "cca/realm/kvm_calls.h"

namespace cc::cca::realm {

// Makes the numbers of breakpoints and watchpoints that the guest sees those of the plan, which are measured.
// Nothing is set where the vCPU has them already. FailedPrecondition when the machine has other ones and KVM
// does not let them be changed.
absl::Status SetDebugRegisters(KvmCalls& kvm, int vcpu, const RealmParams& params);

// x0 to x7 and pc.
absl::Status SetBootRegisters(KvmCalls& kvm, int vcpu, const CreateRec& rec);

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_REGISTERS_H_
