// SPDX-License-Identifier: Apache-2.0
// The native back end: arm64 guests on KVM, each in a cc-vmm process that can do nothing else.
#ifndef CC_VMM_KVM_KVM_VMM_H_
#define CC_VMM_KVM_KVM_VMM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "vmm/vmm.h"

namespace cc::vmm::kvm {

// What this machine is; tests say something else.
struct Host {
  std::string arch;  // "aarch64"; empty = ask the kernel
  std::string kvm_device = "/dev/kvm";
  std::string program;  // cc-vmm; empty = beside this program, else from PATH
};

// Thread-safe.
class KvmVmm : public Vmm {
 public:
  explicit KvmVmm(Host host = {});
  Capabilities Probe(const VmSpec& spec) override;
  absl::StatusOr<std::unique_ptr<Vm>> Create(const VmSpec& spec) override;

 private:
  absl::Status Check(const VmSpec& spec) const;
  std::string Program(const VmSpec& spec) const;

  Host host_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_KVM_VMM_H_
