// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/realm_vm.h"

#include <algorithm>
#include <cerrno>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"
#include "cca/realm/registers.h"
#include "cca/realm/rme.h"
#include "cca/realm/rmi_populate.h"

namespace cc::cca::realm {
namespace {

template <typename Step>
std::vector<const Step*> Steps(const RealmPlan& plan) {
  std::vector<const Step*> found;
  for (const RealmStep& step : plan.steps) {
    if (const auto* one = std::get_if<Step>(&step)) found.push_back(one);
  }
  return found;
}

// What KVM does by itself cannot be told another order: a plan for another family would be measured wrongly.
absl::Status CheckOrder(const RealmPlan& plan, const GenerationAbi& abi) {
  const auto first = [&]<typename Step>(std::type_identity<Step>) {
    const auto at = std::find_if(plan.steps.begin(), plan.steps.end(),
                                 [](const RealmStep& step) { return std::holds_alternative<Step>(step); });
    return at - plan.steps.begin();
  };
  const bool ripas_first = first(std::type_identity<InitRipas>()) < first(std::type_identity<CreateRec>());
  if (ripas_first == (abi.order == PlanOrder::kRipasFirst)) return absl::OkStatus();
  return absl::InvalidArgumentError("the plan is ordered for another generation of the ABI");
}

absl::Status CheckWishes(const RealmParams& params, const GenerationAbi& abi) {
  if (abi.config) return absl::OkStatus();
  if (params.hash != RealmHash::kSha256) {
    return absl::FailedPreconditionError("this generation measures with sha256 only");
  }
  if (std::any_of(params.rpv.begin(), params.rpv.end(), [](uint8_t byte) { return byte != 0; })) {
    return absl::FailedPreconditionError("this generation takes no personalization value (RPV)");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RealmVm>> RealmVm::Create(KvmCalls& kvm, int device,
                                                         const RealmSupport& support, const RealmPlan& plan,
                                                         MachineParts& parts) {
  if (!support.usable()) {
    return absl::FailedPreconditionError(StrCat("make a Realm: ", support.finding, "; ", support.fix));
  }
  const std::string context = StrCat("make a Realm (", support.abi->name, ")");
  std::unique_ptr<RealmVm> realm(new RealmVm(kvm, device, support, plan, parts));
  absl::Status status = CheckOrder(plan, *support.abi);
  if (status.ok()) status = CheckWishes(plan.params, *support.abi);
  for (const Call call : support.abi->calls) {
    if (status.ok() && call != Call::kRun) status = realm->Do(call);
  }
  if (!status.ok()) return Annotate(status, context);
  realm->plan_ = nullptr;
  realm->parts_ = nullptr;
  return realm;
}

absl::Status RealmVm::Do(Call call) {
  const RmeCalls rme(kvm_, vm_.get(), capability_);
  switch (call) {
    case Call::kCheckExtension: {
      if (kvm_.Ioctl(device_, uapi::kCheckExtension, capability_) > 0) return absl::OkStatus();
      return absl::FailedPreconditionError(StrCat("capability ", capability_, " is gone from /dev/kvm"));
    }
    case Call::kCreateVm:
      return CreateVm();
    case Call::kCheckVmExtension:
      return CheckVm();
    case Call::kCreateVgic:
      return parts_->CreateVgic(vm_.get());
    case Call::kCreateVcpus:
      return parts_->CreateVcpus(vm_.get());
    case Call::kInitVcpus:
      return parts_->InitVcpus(vm_.get(), abi_.vcpu_feature_rec ? 1u << *abi_.vcpu_feature_rec : 0);
    case Call::kConfigHash:
      return rme.ConfigHash(plan_->params.hash);
    case Call::kConfigRpv:
      return rme.ConfigRpv(plan_->params);
    case Call::kSetIdRegisters:
      // One vCPU speaks for all: KVM has ID registers for a VM, not for a vCPU, since 6.7.
      return SetDebugRegisters(kvm_, parts_->vcpu(0), plan_->params);
    case Call::kInitVgic:
      return parts_->InitVgic(vm_.get());
    case Call::kCreateMemory:
      return CreateMemory();
    case Call::kCreateRealm:
      return rme.CreateRealm();
    case Call::kSetMemoryPrivate:
      return memory_->MakePrivate();
    case Call::kInitRipas:
      for (const InitRipas* range : Steps<InitRipas>(*plan_)) CC_RETURN_IF_ERROR(rme.InitRipas(*range));
      return absl::OkStatus();
    case Call::kPopulate:
      return PopulateAll();
    case Call::kSetBootRegisters:
      // vCPU 0: the plan has exactly one runnable REC, the first.
      return SetBootRegisters(kvm_, parts_->vcpu(0), *Steps<CreateRec>(*plan_).front());
    case Call::kFinalizeRecs:
      return FinalizeRecs();
    case Call::kActivate:
      return rme.Activate();
    case Call::kRun:
      return absl::OkStatus();
  }
  return absl::InternalError("unknown step");
}

absl::Status RealmVm::CreateVm() {
  const uint64_t type = abi_.VmType(plan_->params.ipa_bits);
  const int vm = Retry([&] { return kvm_.Ioctl(device_, uapi::kCreateVm, type); });
  CC_RETURN_IF_ERROR(Checked(vm, StrCat("KVM_CREATE_VM of type ", HexNumber(type))));
  vm_.reset(vm);
  return absl::OkStatus();
}

absl::Status RealmVm::CheckVm() const {
  const auto need = [&](uint32_t capability, uint64_t bits, std::string_view what) {
    const int value = kvm_.Ioctl(vm_.get(), uapi::kCheckExtension, capability);
    if (value > 0 && (static_cast<uint64_t>(value) & bits) == bits) return absl::OkStatus();
    return absl::FailedPreconditionError(StrCat("the VM has no ", what, " (capability ", capability, ")"));
  };
  CC_RETURN_IF_ERROR(need(capability_, 0, "Realm"));
  CC_RETURN_IF_ERROR(need(uapi::kCapUserMemory2, 0, "KVM_SET_USER_MEMORY_REGION2"));
  CC_RETURN_IF_ERROR(need(uapi::kCapGuestMemfd, 0, "guest_memfd"));
  if (abi_.memory_attributes) {
    CC_RETURN_IF_ERROR(
        need(uapi::kCapMemoryAttributes, uapi::kMemoryAttributePrivate, "private memory attribute"));
  }
  if (abi_.private_memory_capability) {
    CC_RETURN_IF_ERROR(need(*abi_.private_memory_capability, uapi::kMemoryAttributePrivate,
                            "guest_memfd that can be populated"));
  }
  return absl::OkStatus();
}

absl::Status RealmVm::CreateMemory() {
  std::vector<InitRipas> ranges;
  for (const InitRipas* range : Steps<InitRipas>(*plan_)) ranges.push_back(*range);
  CC_ASSIGN_OR_RETURN(memory_, RealmMemory::Create(kvm_, vm_.get(), ranges, abi_.memory_attributes));
  return absl::OkStatus();
}

absl::Status RealmVm::PopulateAll() {
  const RmeCalls rme(kvm_, vm_.get(), capability_);
  for (const Populate* range : Steps<Populate>(*plan_)) {
    CC_RETURN_IF_ERROR(abi_.populate ? RmiPopulate(kvm_, vm_.get(), abi_, *range)
                                     : rme.Populate(*range, *memory_));
  }
  return absl::OkStatus();
}

absl::Status RealmVm::FinalizeRecs() {
  auto feature = static_cast<int32_t>(*abi_.finalize_rec);
  for (size_t i = 0; i < Steps<CreateRec>(*plan_).size(); ++i) {
    CC_RETURN_IF_ERROR(
        Checked(Retry([&] { return kvm_.Ioctl(parts_->vcpu(i), uapi::kArmVcpuFinalize, &feature); }),
                StrCat("KVM_ARM_VCPU_FINALIZE of vCPU ", i)));
  }
  return absl::OkStatus();
}

}  // namespace cc::cca::realm
