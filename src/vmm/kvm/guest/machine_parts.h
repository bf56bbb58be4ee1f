// SPDX-License-Identifier: Apache-2.0
// vCPUs and interrupt controller of a VM, Realm or not, in the steps in which the maker of the VM wants them.
#ifndef CC_VMM_KVM_GUEST_MACHINE_PARTS_H_
#define CC_VMM_KVM_GUEST_MACHINE_PARTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "cca/realm/kvm_calls.h"
#include "cca/realm/realm_vm.h"

namespace cc::vmm::kvm {

class VmParts : public cca::realm::MachineParts {
 public:
  // `run_size` is KVM_GET_VCPU_MMAP_SIZE.
  VmParts(cca::realm::KvmCalls& kvm, uint32_t vcpus, size_t run_size)
      : kvm_(kvm), count_(vcpus), run_size_(run_size) {}
  ~VmParts() override;
  VmParts(const VmParts&) = delete;
  VmParts& operator=(const VmParts&) = delete;

  absl::Status CreateVgic(int vm) override;
  absl::Status CreateVcpus(int vm) override;
  // SVE among the features is finalised too.
  absl::Status InitVcpus(int vm, uint32_t features) override;
  absl::Status InitVgic(int vm) override;
  int vcpu(size_t index) const override { return vcpus_[index].fd.get(); }

  size_t count() const { return vcpus_.size(); }
  void* run(size_t index) const { return vcpus_[index].run; }

 private:
  struct Vcpu {
    UniqueFd fd;
    void* run = nullptr;
  };
  absl::Status SetVgic(uint32_t group, uint64_t attribute, uint64_t* value, const char* what);

  cca::realm::KvmCalls& kvm_;
  const uint32_t count_;
  const size_t run_size_;
  std::vector<Vcpu> vcpus_;
  UniqueFd vgic_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_MACHINE_PARTS_H_
