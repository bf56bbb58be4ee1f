// SPDX-License-Identifier: Apache-2.0
// The part of KVM's ABI that only VMs on arm64 need, beside linux/kvm.h and cca/realm/kvm_uapi.h. Written out
// because linux/kvm.h has it on arm64 only, and the code must compile and be tested elsewhere too. Source:
// arch/arm64/include/uapi/asm/kvm.h of Linux 6.12.
#ifndef CC_VMM_KVM_GUEST_KVM_ABI_H_
#define CC_VMM_KVM_GUEST_KVM_ABI_H_

#include <cstdint>

namespace cc::vmm::kvm::abi {

// KVM_ARM_VCPU_INIT, bits of features[0].
inline constexpr uint32_t kFeaturePowerOff = 1u << 0;
inline constexpr uint32_t kFeaturePsci02 = 1u << 2;
inline constexpr uint32_t kFeatureSve = 1u << 4;
inline constexpr uint32_t kFeaturePtrauthAddress = 1u << 5;
inline constexpr uint32_t kFeaturePtrauthGeneric = 1u << 6;
inline constexpr int32_t kFinalizeSve = 4;

// KVM_CHECK_EXTENSION.
inline constexpr uint32_t kCapVmIpaSize = 165;
inline constexpr uint32_t kCapSve = 170;
inline constexpr uint32_t kCapPtrauthAddress = 171;
inline constexpr uint32_t kCapPtrauthGeneric = 172;

// VGICv3 (Documentation/virt/kvm/devices/arm-vgic-v3.rst).
inline constexpr uint32_t kVgicGroupAddress = 0, kVgicGroupInterrupts = 3, kVgicGroupControl = 4;
inline constexpr uint64_t kVgicAddressDistributor = 2, kVgicAddressRedistributors = 3;
inline constexpr uint64_t kVgicControlInit = 0;

// KVM_IRQ_LINE: a shared peripheral interrupt by its INTID.
constexpr uint32_t IrqLine(uint32_t spi) { return 1u << 24 | (spi + 32); }

// KVM_EXIT_SYSTEM_EVENT.
inline constexpr uint32_t kEventShutdown = 1, kEventReset = 2, kEventCrash = 3;

}  // namespace cc::vmm::kvm::abi

#endif  // CC_VMM_KVM_GUEST_KVM_ABI_H_
