// SPDX-License-Identifier: Apache-2.0
// One VM in a cc-vmm process, as the shim sees it.
#ifndef CC_VMM_KVM_KVM_VM_H_
#define CC_VMM_KVM_KVM_VM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "vmm/kvm/control/launch.h"
#include "vmm/kvm/control_client.h"
#include "vmm/vm_process.h"
#include "vmm/vmm.h"

namespace cc::vmm::kvm {

class KvmVm : public Vm {
 public:
  // `spec` has been checked.
  static absl::StatusOr<std::unique_ptr<Vm>> Create(const VmSpec& spec, const std::string& binary);
  ~KvmVm() override;

  absl::Status Start() override;
  absl::StatusOr<UniqueFd> Connect(uint32_t port) override;
  absl::StatusOr<UniqueFd> Listen(uint32_t port) override;
  absl::Status Pause() override;
  absl::Status Resume() override;
  void Stop() override { process_->Stop(); }
  std::string Wait() override { return process_->Wait(); }
  pid_t pid() const override { return process_->pid(); }
  absl::StatusOr<VmStats> Stats() override { return process_->Stats(); }

 private:
  KvmVm(const VmSpec& spec, std::string binary);
  absl::StatusOr<SpawnOptions> Prepare();
  // Adds the descriptor to what the process gets; its number there.
  int Pass(int fd);
  absl::StatusOr<int> PassFile(const std::string& path, int flags);
  absl::Status Command(std::string_view verb);
  // The VM's own end explains a failed call better than the lost connection.
  absl::Status Explain(const absl::Status& status);

  const VmSpec spec_;
  const std::string binary_;
  const std::string vsock_path_;
  Launch launch_;
  std::unique_ptr<VmProcess> process_;
  // These belong to the loop's thread until it has ended.
  std::vector<UniqueFd> passed_;              // open until the process has them
  std::vector<std::pair<int, int>> numbers_;  // ours and the process's
  std::unique_ptr<ControlClient> control_;    // set before Start returns
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_KVM_VM_H_
