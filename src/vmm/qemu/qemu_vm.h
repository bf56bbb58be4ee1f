// SPDX-License-Identifier: Apache-2.0
// One VM in a QEMU process, together with the vsock device that we serve to it. All of its events (device,
// control protocol, error output, end of the process) are handled by one thread of ours.
#ifndef CC_VMM_QEMU_QEMU_VM_H_
#define CC_VMM_QEMU_QEMU_VM_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/process.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "vmm/qemu/qmp.h"
#include "vmm/vhost_user/backend.h"
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
  enum class State { kCreated, kStarting, kRunning, kEnded };

  QemuVm(const VmSpec& spec, Accel accel);
  absl::Status Launch();  // on the loop's thread
  absl::Status Command(std::string_view command);
  void ReadErrors();
  void OnExit();
  void End(std::string why);
  std::string Describe(const absl::StatusOr<ExitState>& exit) const;
  absl::Status CheckRunning(std::string_view action) const;

  const VmSpec spec_;
  const Accel accel_;
  const std::string vsock_path_;
  std::unique_ptr<EventLoop> loop_;
  // These belong to the loop's thread until it has ended; qmp_ is set before state_ becomes kRunning.
  std::unique_ptr<vsock::VsockDevice> vsock_;
  std::unique_ptr<vhost_user::Backend> vhost_user_;
  std::unique_ptr<Qmp> qmp_;
  UniqueFd errors_;
  std::string error_tail_;
  Child child_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kCreated;
  bool stop_asked_ = false;
  pid_t pid_ = -1;
  UniqueFd pidfd_;      // a second one: child_ is the loop's
  std::string ending_;  // set with kEnded

  Thread thread_;  // last: joined before the rest goes
};

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_QEMU_VM_H_
