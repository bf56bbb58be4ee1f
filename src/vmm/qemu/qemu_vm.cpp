// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/qemu_vm.h"

#include <chrono>

#include "agent_proto/dial.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/device_check.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/devices.h"
#include "vmm/qemu/tsc.h"

namespace cc::vmm::qemu {
namespace {

using std::chrono_literals::operator""s;

// Each VM has its own device, so every guest can have the same address.
constexpr uint64_t kGuestCid = 3;
constexpr int kConsoleFd = 1, kQmpFd = 3, kVsockFd = 4, kFirstDeviceFd = 5;
constexpr auto kConnectTimeout = 10s;
constexpr auto kCommandTimeout = 10s;

}  // namespace

absl::StatusOr<std::unique_ptr<Vm>> QemuVm::Create(const VmSpec& spec, Accel accel) {
  std::unique_ptr<QemuVm> vm(new QemuVm(spec, accel));
  CC_ASSIGN_OR_RETURN(vm->process_, VmProcess::Create(spec, "qemu"));
  CC_ASSIGN_OR_RETURN(vm->vsock_,
                      vsock::VsockDevice::Create(vm->process_->loop(), kGuestCid, vm->vsock_path_));
  return vm;
}

QemuVm::QemuVm(const VmSpec& spec, Accel accel)
    : spec_(spec), accel_(accel), vsock_path_(StrCat(spec.state_dir, "/vsock")) {}

QemuVm::~QemuVm() {
  if (process_ != nullptr) process_->Shutdown();
}

absl::Status QemuVm::Start() {
  return process_->Start({.prepare = [this] { return Prepare(); },
                          .ended = [this](const ExitState& exit) { return Ended(exit); }});
}

absl::StatusOr<SpawnOptions> QemuVm::Prepare() {
  EventLoop* const loop = process_->loop();
  CC_ASSIGN_OR_RETURN(auto qmp, SocketPair());
  CC_ASSIGN_OR_RETURN(auto vsock, SocketPair());
  qmp_far_ = std::move(qmp.second);
  vsock_far_ = std::move(vsock.second);
  CC_ASSIGN_OR_RETURN(vhost_user_, vhost_user::Backend::Create(loop, std::move(vsock.first), vsock_.get(),
                                                               [this] { vsock_->CloseAll(); }));
  CC_ASSIGN_OR_RETURN(qmp_, Qmp::Create(loop, std::move(qmp.first)));
  // The process has its own copies by the time this runs; an end that stays open here would hide its death.
  loop->Post([this] {
    qmp_far_.reset();
    vsock_far_.reset();
    disk_files_.clear();
  });

  qemu::Launch launch{.accel = accel_, .qmp_fd = kQmpFd, .vsock_fd = kVsockFd};
  if (accel_ == Accel::kTcg) launch.tick_khz = HostTickKhz();
  launch.console = spec_.console_fd >= 0;
  SpawnOptions options{.env = std::vector<std::string>{}};
  options.fds = {{qmp_far_.get(), kQmpFd}, {vsock_far_.get(), kVsockFd}};
  int next_fd = kFirstDeviceFd;
  for (const Nic& nic : spec_.nics) {
    options.fds.emplace_back(nic.tap_fd, next_fd);
    launch.nic_fds.push_back(next_fd++);
  }
  for (const Disk& disk : spec_.disks) {
    CC_ASSIGN_OR_RETURN(UniqueFd file, OpenDisk(disk));
    options.fds.emplace_back(file.get(), next_fd);
    launch.disk_fds.push_back(next_fd++);
    disk_files_.push_back(std::move(file));
  }
  options.argv = BuildCommandLine(spec_, launch);
  if (launch.console) options.fds.emplace_back(spec_.console_fd, kConsoleFd);
  return options;
}

std::string QemuVm::Ended(const ExitState& exit) {
  qmp_->Drain();
  vsock_->CloseAll();
  const std::string reason = qmp_->shutdown_reason().value_or("");
  if (reason.empty()) return "";
  if (exit.code == 0 && reason == "guest-shutdown") return "guest powered off";
  if (exit.code == 0 && reason == "guest-reset") return "guest rebooted, or its kernel panicked";
  if (exit.code == 0 && reason == "guest-panic") return "guest kernel panicked";
  return StrCat("qemu exited with code ", exit.code, " after ", reason);
}

absl::StatusOr<UniqueFd> QemuVm::Connect(uint32_t port) {
  CC_RETURN_IF_ERROR(process_->CheckRunning("connecting to the guest"));
  return agent_proto::DialHybrid(vsock_path_, port, kConnectTimeout);
}

absl::StatusOr<UniqueFd> QemuVm::Listen(uint32_t port) {
  return ListenUnix(vsock::PortPath(vsock_path_, port));
}

absl::Status QemuVm::Command(std::string_view command) {
  CC_RETURN_IF_ERROR(process_->CheckRunning(command));
  return qmp_->Execute(command, kCommandTimeout);
}

absl::Status QemuVm::Pause() { return Command("stop"); }

absl::Status QemuVm::Resume() { return Command("cont"); }

void QemuVm::Stop() { process_->Stop(); }

std::string QemuVm::Wait() { return process_->Wait(); }

pid_t QemuVm::pid() const { return process_->pid(); }

absl::StatusOr<VmStats> QemuVm::Stats() { return process_->Stats(); }

}  // namespace cc::vmm::qemu
