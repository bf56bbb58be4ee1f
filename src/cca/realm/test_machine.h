// SPDX-License-Identifier: Apache-2.0
// For tests: the ordinary parts of a small VM, and a plan for it.
#ifndef CC_CCA_REALM_TEST_MACHINE_H_
#define CC_CCA_REALM_TEST_MACHINE_H_

#include <fcntl.h>
#include <sys/mman.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"
#include "cca/realm/realm_vm.h"

namespace cc::cca::realm {

inline constexpr uint64_t kTestRam = 0x8000'0000;
inline constexpr uint64_t kTestRamSize = 0x40'0000;

// 4 MiB of RAM, a device tree, a kernel of two and a half pages with room after it, two vCPUs.
inline RealmLayout TestLayout() {
  static const std::string kernel(2 * kGranule + 2048, 'k');
  RealmLayout layout;
  layout.params = {.ipa_bits = 33, .num_bps = 5, .num_wps = 3};
  layout.ram = {{kTestRam, kTestRamSize}};
  layout.content = {{.base = kTestRam + 0x20'0000, .size = 4 * kGranule, .content = kernel},
                    {.base = kTestRam, .size = kGranule, .content = "device tree"}};
  layout.recs = {{.runnable = true, .mpidr = 0, .pc = kTestRam + 0x20'0000, .gprs = {kTestRam}},
                 {.runnable = false, .mpidr = 1}};
  return layout;
}

// RealmVm::Create on the machine's /dev/kvm.
inline absl::StatusOr<std::unique_ptr<RealmVm>> CreateRealm(KvmCalls& kvm, const RealmSupport& support,
                                                            const RealmPlan& plan, MachineParts& parts) {
  const UniqueFd device(kvm.Open("/dev/kvm", O_RDWR));
  CC_RETURN_IF_ERROR(Checked(device.get(), "open /dev/kvm"));
  return RealmVm::Create(kvm, device.get(), support, plan, parts);
}

class TestMachine : public MachineParts {
 public:
  TestMachine(KvmCalls& kvm, size_t vcpus) : kvm_(kvm), wanted_(vcpus) {}
  ~TestMachine() override { Release(); }

  void Release() {
    if (run_ != nullptr) kvm_.Munmap(run_, kRunSize);
    run_ = nullptr;
    vcpus_.clear();
    vgic_.reset();
  }

  absl::Status CreateVgic(int vm) override {
    uint32_t device[3] = {7, 0, 0};
    CC_RETURN_IF_ERROR(Checked(kvm_.Ioctl(vm, 0xc00caee0, device), "create the VGIC"));
    vgic_.reset(static_cast<int>(device[1]));
    return absl::OkStatus();
  }
  absl::Status CreateVcpus(int vm) override {
    for (size_t i = 0; i < wanted_; ++i) {
      const int fd = kvm_.Ioctl(vm, uapi::kCreateVcpu, i);
      CC_RETURN_IF_ERROR(Checked(fd, "create a vCPU"));
      vcpus_.emplace_back(fd);
    }
    return absl::OkStatus();
  }
  absl::Status InitVcpus(int vm, uint32_t features) override {
    uapi::VcpuInit init = {};
    CC_RETURN_IF_ERROR(Checked(kvm_.Ioctl(vm, uapi::kArmPreferredTarget, &init), "ask for the target"));
    for (size_t i = 0; i < vcpus_.size(); ++i) {
      init.features[0] = features | 1u << uapi::kVcpuPsci02 | (i == 0 ? 0u : 1u);
      CC_RETURN_IF_ERROR(Checked(kvm_.Ioctl(vcpus_[i].get(), uapi::kArmVcpuInit, &init), "start a vCPU"));
    }
    return absl::OkStatus();
  }
  absl::Status InitVgic(int) override {
    struct {
      uint32_t flags, group;
      uint64_t attribute, address;
    } init = {0, 4, 0, 0};
    return Checked(kvm_.Ioctl(vgic_.get(), 0x4018aee1, &init), "start the VGIC");
  }
  int vcpu(size_t index) const override { return vcpus_[index].get(); }

  // The kvm_run of vCPU 0.
  void* run() {
    if (run_ == nullptr && kvm_.Mmap(kRunSize, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu(0), 0, &run_) != 0) {
      return nullptr;
    }
    return run_;
  }

 private:
  static constexpr size_t kRunSize = 4096;
  KvmCalls& kvm_;
  const size_t wanted_;
  std::vector<UniqueFd> vcpus_;
  UniqueFd vgic_;
  void* run_ = nullptr;
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_TEST_MACHINE_H_
