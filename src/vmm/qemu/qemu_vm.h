// SPDX-License-Identifier: Apache-2.0
// One VM in a QEMU process, together with the vsock device that we serve to it. All of its events (device,
// control protocol, error output, end of the process) are handled by one thread of ours.
#ifndef CC_VMM_QEMU_QEMU_VM_H_
#define CC_VMM_QEMU_QEMU_VM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "vmm/qemu/qmp.h"
#include "vmm/vhost_user/backend.h"
#include "vmm/vm_process.h"
#include "vmm/vmm.h"
#include "vmm/vsock/device.h"

namespace cc::vmm::qemu {

class QemuVm : public Vm {
 public:
  // `spec` has been checked. From now on <state_dir>/vsock exists, as the guest's hybrid vsock socket.
  static absl::StatusOr<std::unique_ptr<Vm>> Create(const VmSpec& spec, Accel accel);
  ~QemuVm() override;

  absl::Status Start() override;
  absl::StatusOr<UniqueFd> Connect(uint32_t port) override;
  absl::StatusOr<UniqueFd> Listen(uint32_t port) override;
  absl::Status Pause() override;
  absl::Status Resume() override;
  void Stop() override;
  std::string Wait() override;
  pid_t pid() const override;
  absl::StatusOr<VmStats> Stats() override;

 private:
  QemuVm(const VmSpec& spec, Accel accel);
  absl::StatusOr<SpawnOptions> Prepare();
  std::string Ended(const ExitState& exit);
  absl::Status Command(std::string_view command);

  const VmSpec spec_;
  const Accel accel_;
  const std::string vsock_path_;
  std::unique_ptr<VmProcess> process_;
  // These belong to the loop's thread until it has ended.
  UniqueFd qmp_far_, vsock_far_;      // the process's ends, until it has them
  std::vector<UniqueFd> disk_files_;  // likewise
  std::unique_ptr<vsock::VsockDevice> vsock_;
  std::unique_ptr<vhost_user::Backend> vhost_user_;
  std::unique_ptr<Qmp> qmp_;  // set before Start returns
};

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_QEMU_VM_H_
