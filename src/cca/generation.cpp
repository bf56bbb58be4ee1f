// SPDX-License-Identifier: Apache-2.0
#include "cca/generation.h"

#include <cerrno>

#include "cca/uapi.h"

namespace cc::cca {
namespace {

// v7 cover letter and Documentation/virt/kvm/api.rst. vCPUs are initialised before the Realm is created: the
// RMM takes the number of breakpoints from their ID registers and refuses zero.
constexpr Call kRmeCalls[] = {
    Call::kCheckExtension,
    Call::kCreateVm,
    Call::kCheckVmExtension,
    Call::kCreateVgic,
    Call::kCreateVcpus,
    Call::kInitVcpus,
    Call::kConfigHash,
    Call::kConfigRpv,
    Call::kSetIdRegisters,
    Call::kInitVgic,
    Call::kCreateMemory,
    Call::kCreateRealm,
    Call::kSetMemoryPrivate,
    Call::kInitRipas,
    Call::kPopulate,
    Call::kSetBootRegisters,
    Call::kFinalizeRecs,
    Call::kActivate,
    Call::kRun,
};

// v14 cover letter; v12 and v13 take the same order.
constexpr Call kRmiCalls[] = {
    Call::kCheckExtension,
    Call::kCreateVm,
    Call::kCheckVmExtension,
    Call::kCreateMemory,
    Call::kCreateVcpus,
    Call::kCreateVgic,
    Call::kInitVgic,
    Call::kInitVcpus,
    Call::kSetIdRegisters,
    Call::kSetMemoryPrivate,
    Call::kPopulate,
    Call::kSetBootRegisters,
    Call::kRun,
};

// v15: a guest_memfd is private from the start, the attribute ioctl is gone on arm64.
constexpr Call kRmiCallsV15[] = {
    Call::kCheckExtension, Call::kCreateVm,   Call::kCheckVmExtension, Call::kCreateMemory,
    Call::kCreateVcpus,    Call::kCreateVgic, Call::kInitVgic,         Call::kInitVcpus,
    Call::kSetIdRegisters, Call::kPopulate,   Call::kSetBootRegisters, Call::kRun,
};

constexpr GenerationAbi Rme(Generation id, std::string_view name, uint32_t capability, std::string_view same,
                            std::string_view source) {
  return {.id = id,
          .name = name,
          .family = Family::kRme,
          .capability = capability,
          .same_number_in_mainline = same,
          .vm_type = uapi::kVmTypeRealm_v5,
          .finalize_rec = 8,
          .vcpu_feature_rec = 8,
          .psci_complete = uapi::kPsciComplete_v8,
          .populate = std::nullopt,
          .populate_moves_argument = false,
          .memory_attributes = true,
          .private_memory_capability = std::nullopt,
          .config = true,
          .no_rmm_error = EPERM,
          .ripas_exit = RipasExit::kFaultThenNextRun,
          .order = PlanOrder::kRipasFirst,
          .rmm = RmmVersion::k1_0,
          .calls = kRmeCalls,
          .source = source};
}

constexpr GenerationAbi Rmi(Generation id, std::string_view name, uint32_t capability, std::string_view same,
                            std::string_view source) {
  return {.id = id,
          .name = name,
          .family = Family::kRmi,
          .capability = capability,
          .same_number_in_mainline = same,
          .vm_type = uapi::kVmTypeRealm_v14,
          .finalize_rec = std::nullopt,
          .vcpu_feature_rec = std::nullopt,
          .psci_complete = std::nullopt,
          .populate = uapi::kRmiPopulate_v13,
          .populate_moves_argument = true,
          .memory_attributes = true,
          .private_memory_capability = std::nullopt,
          .config = false,
          .no_rmm_error = EINVAL,
          .ripas_exit = RipasExit::kFaultThenNextRun,
          .order = PlanOrder::kRipasLast,
          .rmm = RmmVersion::k2_0,
          .calls = kRmiCalls,
          .source = source};
}

constexpr GenerationAbi RmeV5() {
  GenerationAbi abi = Rme(Generation::kRmeV5, "RME v5", 300, "", "series v5, 2024-10-04");
  abi.vcpu_feature_rec = std::nullopt;  // the bit is for KVM_ARM_VCPU_FINALIZE only
  abi.psci_complete = uapi::kPsciComplete_v5;
  abi.no_rmm_error = EINVAL;
  abi.ripas_exit = RipasExit::kDoneBefore;
  return abi;
}

constexpr GenerationAbi RmeV6() {
  GenerationAbi abi = Rme(Generation::kRmeV6, "RME v6", 300, "", "series v6, 2024-12-12");
  abi.psci_complete = uapi::kPsciComplete_v5;
  abi.no_rmm_error = EINVAL;
  abi.ripas_exit = RipasExit::kDoneOnNextRun;
  return abi;
}

constexpr GenerationAbi RmeV7() {
  GenerationAbi abi = Rme(Generation::kRmeV7, "RME v7", 300, "", "series v7, 2025-02-13");
  abi.psci_complete = uapi::kPsciComplete_v5;
  return abi;
}

constexpr GenerationAbi RmeV8() {
  return Rme(Generation::kRmeV8, "RME v8", 240, "KVM_CAP_ARM_EL2 (since 6.16)", "series v8, 2025-04-16");
}

constexpr GenerationAbi RmeV9() {
  GenerationAbi abi = Rme(Generation::kRmeV9, "RME v9", 243,
                          "KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (since 6.17, true on normal hosts)",
                          "series v9, 2025-06-11");
  abi.finalize_rec = 9;
  abi.vcpu_feature_rec = 9;
  return abi;
}

constexpr GenerationAbi RmeV10() {
  GenerationAbi abi =
      Rme(Generation::kRmeV10, "RME v10", 244, "KVM_CAP_GUEST_MEMFD_FLAGS", "series v10, 2025-08-20");
  abi.finalize_rec = 9;
  abi.vcpu_feature_rec = 9;
  return abi;
}

constexpr GenerationAbi RmiV12() {
  GenerationAbi abi =
      Rmi(Generation::kRmiV12, "RMI v12", 247, "KVM_CAP_S390_KEYOP", "series v12, 2025-12-17");
  abi.vm_type = uapi::kVmTypeRealm_v5;
  abi.psci_complete = uapi::kPsciComplete_v8;
  abi.populate = uapi::kRmiPopulate_v12;
  abi.populate_moves_argument = false;
  abi.no_rmm_error = EPERM;
  abi.rmm = RmmVersion::k1_0;
  return abi;
}

constexpr GenerationAbi RmiV13() {
  GenerationAbi abi =
      Rmi(Generation::kRmiV13, "RMI v13", 248, "KVM_CAP_S390_VSIE_ESAMODE", "series v13, 2026-03-18");
  abi.vm_type = uapi::kVmTypeRealm_v5;
  abi.psci_complete = uapi::kPsciComplete_v8;
  abi.no_rmm_error = EPERM;
  return abi;
}

constexpr GenerationAbi RmiV14() {
  return Rmi(Generation::kRmiV14, "RMI v14", 249, "KVM_CAP_S390_HPAGE_2G (since 7.2)",
             "series v14, 2026-05-13");
}

constexpr GenerationAbi RmiV15() {
  GenerationAbi abi =
      Rmi(Generation::kRmiV15, "RMI v15", 251, "KVM_CAP_ARM_PMU_V3_STRICT (since 7.3, true on normal hosts)",
          "series v15, 2026-07-15, as quoted by a port of it");
  abi.memory_attributes = false;
  abi.private_memory_capability = 250;  // KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES, guest_memfd series v8
  abi.calls = kRmiCallsV15;
  return abi;
}

constexpr GenerationAbi kGenerations[] = {RmeV5(),  RmeV6(),  RmeV7(),  RmeV8(),  RmeV9(),
                                          RmeV10(), RmiV12(), RmiV13(), RmiV14(), RmiV15()};

}  // namespace

std::span<const GenerationAbi> Generations() { return kGenerations; }

// The table is in the order of the enumeration (generation_test.cpp).
const GenerationAbi& Describe(Generation generation) { return kGenerations[static_cast<size_t>(generation)]; }

std::vector<Generation> WithCapability(uint32_t capability) {
  std::vector<Generation> found;
  for (const GenerationAbi& abi : kGenerations) {
    if (abi.capability == capability) found.insert(found.begin(), abi.id);
  }
  return found;
}

}  // namespace cc::cca
