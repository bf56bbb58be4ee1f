// SPDX-License-Identifier: Apache-2.0
// The generations of KVM's Realm ABI, as data. None is in mainline, each has a capability number of its own,
// and mainline gives those numbers to other capabilities: a number alone proves nothing. A probe must see the
// capability on /dev/kvm, create a trial VM of `VmType`, and see the capability again on the VM. This file
// makes no system call.
#ifndef CC_CCA_GENERATION_H_
#define CC_CCA_GENERATION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cca/plan.h"
#include "cca/rim.h"

namespace cc::cca {

enum class Generation { kRmeV5, kRmeV6, kRmeV7, kRmeV8, kRmeV9, kRmeV10, kRmiV12, kRmiV13, kRmiV14, kRmiV15 };

enum class Family {
  kRme,  // explicit: the VMM configures, creates, populates and activates through KVM_ENABLE_CAP
  kRmi,  // implicit: the first populate creates the Realm, the first KVM_RUN activates it
};

// What a VMM does from nothing to a running Realm. "all" and "each" are in ascending address or index order.
enum class Call : uint8_t {
  kCheckExtension,    // the capability on /dev/kvm
  kCreateVm,          // VmType
  kCheckVmExtension,  // the capability, and `vm_capabilities`, on the VM
  kCreateVgic,        // KVM_CREATE_DEVICE, VGICv3
  kCreateVcpus,       // each
  kInitVcpus,         // each: KVM_ARM_VCPU_INIT, PSCI_0_2 and what `vcpu_feature_rec` says
  kConfigHash,        // RmeConfig
  kConfigRpv,         // RmeConfig
  kSetIdRegisters,    // optional: SVE_VLS, ID_AA64DFR0_EL1
  kInitVgic,          // addresses, number of interrupts, INIT
  kCreateMemory,      // guest_memfd and KVM_SET_USER_MEMORY_REGION2
  kCreateRealm,       // RmeCommand::kCreateRealm
  kSetMemoryPrivate,  // KVM_SET_MEMORY_ATTRIBUTES over all RAM
  kInitRipas,         // RmeCommand::kInitRipas over all RAM
  kPopulate,          // each range of content
  kSetBootRegisters,  // x0 and pc of vCPU 0
  kFinalizeRecs,      // each: KVM_ARM_VCPU_FINALIZE
  kActivate,          // RmeCommand::kActivate
  kRun,
};

// How the guest's wish to change pages between private and shared reaches the VMM (KVM_EXIT_MEMORY_FAULT).
enum class RipasExit {
  kDoneBefore,       // KVM_RUN returns 0 and the change is made already
  kDoneOnNextRun,    // KVM_RUN returns 0, the change is made when the vCPU runs again
  kFaultThenNextRun  // KVM_RUN fails with EFAULT, the change is made when the vCPU runs again
};

struct GenerationAbi {
  Generation id;
  std::string_view name;  // "RME v7"
  Family family;
  uint32_t capability;
  std::string_view same_number_in_mainline;           // what else has that number; empty if nothing known
  uint64_t vm_type;                                   // without the address size
  std::optional<uint32_t> finalize_rec;               // argument of KVM_ARM_VCPU_FINALIZE
  std::optional<uint32_t> vcpu_feature_rec;           // bit of KVM_ARM_VCPU_INIT
  std::optional<uint32_t> psci_complete;              // request number
  std::optional<uint32_t> populate;                   // request number; RME populates through KVM_ENABLE_CAP
  bool populate_moves_argument;                       // else it returns the number of bytes
  bool memory_attributes;                             // KVM_SET_MEMORY_ATTRIBUTES exists and is needed
  std::optional<uint32_t> private_memory_capability;  // on the VM: must report KVM_MEMORY_ATTRIBUTE_PRIVATE
  bool config;       // hash algorithm and RPV can be chosen; else sha256 and zeros
  int no_rmm_error;  // errno of KVM_CREATE_VM where the RMM is missing
  RipasExit ripas_exit;
  PlanOrder order;
  RmmVersion rmm;  // that the series was written for
  std::span<const Call> calls;
  std::string_view source;  // series and date

  // The argument of KVM_CREATE_VM. `ipa_bits` counts the shared half too.
  constexpr uint64_t VmType(uint8_t ipa_bits) const { return vm_type | ipa_bits; }
};

// All, oldest first.
std::span<const GenerationAbi> Generations();
const GenerationAbi& Describe(Generation generation);

// The generations that answer to a capability number, newest first. RME v5 to v7 share one: v5 refuses
// `vcpu_feature_rec`, v6 and v7 are told apart by the first RIPAS exit only.
std::vector<Generation> WithCapability(uint32_t capability);

// Some kernels export the number that is live on them here, in decimal, as the ABI of one of the RMI
// generations.
inline constexpr std::string_view kLiveCapabilityPath = "/sys/module/kvm/parameters/kvm_cap_arm_rmi";

}  // namespace cc::cca

#endif  // CC_CCA_GENERATION_H_
