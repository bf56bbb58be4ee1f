// SPDX-License-Identifier: Apache-2.0
// Makes a Realm of a plan, by the calls of the host's generation in that generation's order (generation.h),
// and answers for its memory while it runs. What a Realm has in common with any VM (interrupt controller,
// vCPUs) is made by the caller when the order says so.
//
//   RealmSupport support = ProbeRealm(kvm, request);           // which generation, or why none
//   RealmPlan plan = OrderPlan(layout, support.abi->order);
//   auto realm = RealmVm::Create(kvm, device, support, plan, parts);  // until the first KVM_RUN
//   ... on each vCPU's thread: result = realm->Run(vcpu, kvm_run)
//
// Does not protect the guest: the RMM does. It only keeps the host honest about what it asked for.
#ifndef CC_CCA_REALM_REALM_VM_H_
#define CC_CCA_REALM_REALM_VM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cca/generation.h"
#include "cca/plan.h"
#include "cca/realm/kvm_calls.h"
#include "cca/realm/memory.h"
#include "cca/realm/probe.h"
#include "cca/realm/shared_alias.h"

namespace cc::cca::realm {

// The ordinary parts of the VM. Called once each, from RealmVm::Create, in an order that depends on the
// generation. Their descriptors stay the caller's, who closes them before the RealmVm goes: each keeps the VM
// alive.
class MachineParts {
 public:
  virtual ~MachineParts() = default;
  virtual absl::Status CreateVgic(int vm) = 0;  // VGICv3, nothing else works in a Realm
  virtual absl::Status CreateVcpus(
      int vm) = 0;  // ids from 0, in ascending order, one for each REC of the plan
  // KVM_ARM_VCPU_INIT of each, in order, with PSCI 0.2 and `features` (bits of features[0]); all but the
  // first powered off.
  virtual absl::Status InitVcpus(int vm, uint32_t features) = 0;
  virtual absl::Status InitVgic(int vm) = 0;  // addresses, number of interrupts, KVM_DEV_ARM_VGIC_CTRL_INIT
  virtual int vcpu(size_t index) const = 0;   // descriptor, after CreateVcpus
};

// What became of one KVM_RUN.
enum class RunResult {
  kExit,         // KVM_RUN returned for a reason of the VMM's: look at exit_reason. MMIO addresses are those
                 // of the lower half
  kAgain,        // nothing to do but to run again
  kInterrupted,  // a signal arrived (EINTR)
};

// Thread-safe after Create.
class RealmVm {
 public:
  // `device` is /dev/kvm, needed during the call only. The error names the step and its cause. Everything
  // made here is released again.
  static absl::StatusOr<std::unique_ptr<RealmVm>> Create(KvmCalls& kvm, int device,
                                                         const RealmSupport& support, const RealmPlan& plan,
                                                         MachineParts& parts);
  RealmVm(const RealmVm&) = delete;
  RealmVm& operator=(const RealmVm&) = delete;

  // KVM_RUN of one vCPU and, where the guest moves pages between private and shared, the host's part of it:
  // KVM_SET_MEMORY_ATTRIBUTES, fallocate and madvise on the same thread. `run` is the vCPU's mapped kvm_run.
  // An error ends the VM: a Realm that is dead (ENXIO) stays so.
  absl::StatusOr<RunResult> Run(int vcpu, void* run);

  int vm() const { return vm_.get(); }
  RealmMemory& memory() { return *memory_; }
  const GenerationAbi& abi() const { return abi_; }
  SharedAlias alias() const { return alias_; }

 private:
  RealmVm(KvmCalls& kvm, int device, const RealmSupport& support, const RealmPlan& plan, MachineParts& parts)
      : kvm_(kvm),
        device_(device),
        abi_(*support.abi),
        capability_(support.capability),
        alias_(plan.params.ipa_bits),
        plan_(&plan),
        parts_(&parts) {}

  absl::Status Do(Call call);
  absl::Status CreateVm();
  absl::Status CheckVm() const;
  absl::Status CreateMemory();
  absl::Status PopulateAll();
  absl::Status FinalizeRecs();

  KvmCalls& kvm_;
  const int device_;
  const GenerationAbi& abi_;
  const uint32_t capability_;
  const SharedAlias alias_;
  const RealmPlan* plan_;  // these two, and device_, during Create only
  MachineParts* parts_;
  std::unique_ptr<RealmMemory> memory_;  // goes after the VM
  UniqueFd vm_;
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_REALM_VM_H_
