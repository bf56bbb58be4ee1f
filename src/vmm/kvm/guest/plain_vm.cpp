// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/plain_vm.h"

#include <linux/kvm.h>

#include <cstring>
#include <span>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/registers.h"
#include "vmm/kvm/guest/kvm_abi.h"

namespace cc::vmm::kvm {
namespace {

using cca::realm::Checked;
using cca::realm::KvmCalls;

// A kernel without the capability has 40 bits, and takes no other number.
constexpr int kDefaultIpaBits = 40;

absl::StatusOr<UniqueFd> CreateVm(KvmCalls& kvm, int device, int ipa_bits) {
  const int limit = kvm.Ioctl(device, KVM_CHECK_EXTENSION, abi::kCapVmIpaSize);
  if (ipa_bits > (limit > 0 ? limit : kDefaultIpaBits)) {
    return absl::FailedPreconditionError(StrCat("the guest needs ", ipa_bits, " address bits, KVM has ",
                                                limit > 0 ? limit : kDefaultIpaBits,
                                                " on this machine; set memory_mib lower"));
  }
  const auto type = static_cast<uintptr_t>(limit > 0 ? ipa_bits : 0);
  UniqueFd vm(cca::realm::Retry([&] { return kvm.Ioctl(device, KVM_CREATE_VM, type); }));
  CC_RETURN_IF_ERROR(Checked(vm.get(), "create a VM"));
  return vm;
}

// What a normal guest gets of the processor beside its base architecture.
uint32_t Features(KvmCalls& kvm, int vm) {
  const auto has = [&](uint32_t capability) { return kvm.Ioctl(vm, KVM_CHECK_EXTENSION, capability) > 0; };
  uint32_t features = 0;
  if (has(abi::kCapSve)) features |= abi::kFeatureSve;
  // The two are one feature to KVM: both or none.
  if (has(abi::kCapPtrauthAddress) && has(abi::kCapPtrauthGeneric)) {
    features |= abi::kFeaturePtrauthAddress | abi::kFeaturePtrauthGeneric;
  }
  return features;
}

absl::Status AddMemory(KvmCalls& kvm, int vm, const cca::InitRipas& ram, const virtio::GuestMemory& memory) {
  const std::span<std::byte> mapping = memory.TranslateOne(ram.base, ram.size);
  kvm_userspace_memory_region region{.slot = 0,
                                     .flags = 0,
                                     .guest_phys_addr = ram.base,
                                     .memory_size = ram.size,
                                     .userspace_addr = reinterpret_cast<uintptr_t>(mapping.data())};
  return Checked(kvm.Ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "give the VM its memory");
}

absl::Status CopyContent(const cca::RealmLayout& layout, const virtio::GuestMemory& memory) {
  for (const cca::Populate& part : layout.content) {
    const std::span<std::byte> target = memory.TranslateOne(part.base, part.size);
    if (target.empty()) return absl::InternalError("content outside of the guest's memory");
    std::memcpy(target.data(), part.content.data(), part.content.size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PlainVm> CreatePlainVm(KvmCalls& kvm, int device, const cca::RealmLayout& layout,
                                      VmParts& parts) {
  if (layout.ram.size() != 1) return absl::InternalError("a VM has one range of memory");
  PlainVm plain;
  CC_ASSIGN_OR_RETURN(plain.memory, virtio::GuestMemory::Allocate(layout.ram[0].base, layout.ram[0].size));
  CC_ASSIGN_OR_RETURN(plain.vm, CreateVm(kvm, device, layout.params.ipa_bits));
  const int vm = plain.vm.get();
  CC_RETURN_IF_ERROR(AddMemory(kvm, vm, layout.ram[0], *plain.memory));
  CC_RETURN_IF_ERROR(parts.CreateVcpus(vm));
  CC_RETURN_IF_ERROR(parts.CreateVgic(vm));
  CC_RETURN_IF_ERROR(parts.InitVgic(vm));
  CC_RETURN_IF_ERROR(parts.InitVcpus(vm, Features(kvm, vm)));
  CC_RETURN_IF_ERROR(CopyContent(layout, *plain.memory));
  CC_RETURN_IF_ERROR(cca::realm::SetBootRegisters(kvm, parts.vcpu(0), layout.recs[0]));
  return plain;
}

}  // namespace cc::vmm::kvm
