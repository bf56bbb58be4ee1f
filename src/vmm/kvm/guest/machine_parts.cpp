// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/machine_parts.h"

#include <linux/kvm.h>
#include <sys/mman.h>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"
#include "vmm/kvm/guest/kvm_abi.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::vmm::kvm {
namespace {

namespace uapi = cca::uapi;
using cca::realm::Checked;

// 32 private interrupts and 96 shared ones; the devices and the UART need one each.
constexpr uint32_t kInterrupts = 128;
static_assert(kMaxDevices + 1 <= kInterrupts - 32);

}  // namespace

VmParts::~VmParts() {
  for (const Vcpu& vcpu : vcpus_) {
    if (vcpu.run != nullptr) kvm_.Munmap(vcpu.run, run_size_);
  }
}

absl::Status VmParts::CreateVgic(int vm) {
  kvm_create_device device{.type = KVM_DEV_TYPE_ARM_VGIC_V3, .fd = 0, .flags = 0};
  CC_RETURN_IF_ERROR(Checked(kvm_.Ioctl(vm, KVM_CREATE_DEVICE, &device),
                             "create a GICv3 (the machine's interrupt controller must be a GICv3 or newer)"));
  vgic_.reset(static_cast<int>(device.fd));
  return absl::OkStatus();
}

absl::Status VmParts::CreateVcpus(int vm) {
  for (uint32_t i = 0; i < count_; ++i) {
    const int fd = kvm_.Ioctl(vm, KVM_CREATE_VCPU, i);
    CC_RETURN_IF_ERROR(Checked(fd, StrCat("create vCPU ", i)));
    Vcpu& vcpu = vcpus_.emplace_back(Vcpu{.fd = UniqueFd(fd)});
    CC_RETURN_IF_ERROR(Checked(kvm_.Mmap(run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &vcpu.run),
                               StrCat("map vCPU ", i)));
  }
  return absl::OkStatus();
}

absl::Status VmParts::InitVcpus(int vm, uint32_t features) {
  uapi::VcpuInit init{};
  CC_RETURN_IF_ERROR(Checked(kvm_.Ioctl(vm, uapi::kArmPreferredTarget, &init), "ask for the kind of vCPU"));
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    init.features[0] = features | abi::kFeaturePsci02 | (i == 0 ? 0 : abi::kFeaturePowerOff);
    CC_RETURN_IF_ERROR(
        Checked(kvm_.Ioctl(vcpu(i), uapi::kArmVcpuInit, &init), StrCat("initialise vCPU ", i)));
    if ((features & abi::kFeatureSve) == 0) continue;
    int32_t feature = abi::kFinalizeSve;
    CC_RETURN_IF_ERROR(
        Checked(kvm_.Ioctl(vcpu(i), uapi::kArmVcpuFinalize, &feature), StrCat("finalise SVE of vCPU ", i)));
  }
  return absl::OkStatus();
}

absl::Status VmParts::SetVgic(uint32_t group, uint64_t attribute, uint64_t* value, const char* what) {
  kvm_device_attr attr{
      .flags = 0, .group = group, .attr = attribute, .addr = reinterpret_cast<uintptr_t>(value)};
  return Checked(kvm_.Ioctl(vgic_.get(), KVM_SET_DEVICE_ATTR, &attr), StrCat("set up the GICv3: ", what));
}

absl::Status VmParts::InitVgic(int) {
  uint64_t distributor = kGicDistributor, redistributors = kGicRedistributors;
  CC_RETURN_IF_ERROR(
      SetVgic(abi::kVgicGroupAddress, abi::kVgicAddressDistributor, &distributor, "distributor"));
  CC_RETURN_IF_ERROR(
      SetVgic(abi::kVgicGroupAddress, abi::kVgicAddressRedistributors, &redistributors, "redistributors"));
  uint64_t interrupts = kInterrupts;  // read as 32 bits; little-endian
  CC_RETURN_IF_ERROR(SetVgic(abi::kVgicGroupInterrupts, 0, &interrupts, "number of interrupts"));
  return SetVgic(abi::kVgicGroupControl, abi::kVgicControlInit, nullptr, "start");
}

}  // namespace cc::vmm::kvm
