// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/kvm_vm.h"

#include <fcntl.h>

#include <chrono>
#include <utility>

#include "agent_proto/dial.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/vsock/host_socket.h"

namespace cc::vmm::kvm {
namespace {

using nlohmann::json;
using std::chrono_literals::operator""s;

constexpr auto kConnectTimeout = 10s;
constexpr auto kCommandTimeout = 10s;
// Reading and measuring the guest's files: slow disks, and emulated Realms (80 s were seen). A process that
// ends is noticed at once.
constexpr auto kCreateTimeout = 600s;

}  // namespace

KvmVm::KvmVm(const VmSpec& spec, std::string binary)
    : spec_(spec), binary_(std::move(binary)), vsock_path_(StrCat(spec.state_dir, "/", kVsockName)) {}

absl::StatusOr<std::unique_ptr<Vm>> KvmVm::Create(const VmSpec& spec, const std::string& binary) {
  std::unique_ptr<KvmVm> vm(new KvmVm(spec, binary));
  CC_ASSIGN_OR_RETURN(vm->process_, VmProcess::Create(spec, "cc-vmm"));
  return vm;
}

KvmVm::~KvmVm() {
  if (process_ != nullptr) process_->Shutdown();
}

int KvmVm::Pass(int fd) {
  const int number = kFirstFreeFd + static_cast<int>(numbers_.size());
  numbers_.emplace_back(fd, number);
  return number;
}

absl::StatusOr<int> KvmVm::PassFile(const std::string& path, int flags) {
  CC_ASSIGN_OR_RETURN(UniqueFd file, OpenFile(path, flags));
  const int number = Pass(file.get());
  passed_.push_back(std::move(file));
  return number;
}

absl::StatusOr<SpawnOptions> KvmVm::Prepare() {
  launch_.spec = spec_;
  launch_.pod_network = spec_.network_namespace >= 0;
  CC_ASSIGN_OR_RETURN(launch_.kernel_fd, PassFile(spec_.kernel, O_RDONLY));
  CC_ASSIGN_OR_RETURN(launch_.initramfs_fd, PassFile(spec_.initramfs, O_RDONLY));
  for (const Disk& disk : spec_.disks) {
    CC_ASSIGN_OR_RETURN(const int fd, PassFile(disk.path, disk.read_only ? O_RDONLY : O_RDWR));
    launch_.disk_fds.push_back(fd);
  }
  for (Nic& nic : launch_.spec.nics) nic.tap_fd = Pass(nic.tap_fd);

  SpawnOptions options{.argv = {binary_}, .env = std::vector<std::string>{}, .fds = numbers_};
  CC_ASSIGN_OR_RETURN(auto control, SocketPair());
  CC_ASSIGN_OR_RETURN(UniqueFd state_dir, OpenFile(spec_.state_dir, O_PATH | O_DIRECTORY));
  options.fds.emplace_back(control.second.get(), kControlFd);
  options.fds.emplace_back(state_dir.get(), kStateDirFd);
  if (spec_.console_fd >= 0) options.fds.emplace_back(spec_.console_fd, kConsoleFd);
  passed_.push_back(std::move(control.second));
  passed_.push_back(std::move(state_dir));
  CC_ASSIGN_OR_RETURN(control_, ControlClient::Create(process_->loop(), std::move(control.first)));
  // Runs when the process has been started: an end that stays open here would hide its death.
  process_->loop()->Post([this] { passed_.clear(); });
  return options;
}

absl::Status KvmVm::Start() {
  CC_RETURN_IF_ERROR(process_->Start({.prepare = [this] { return Prepare(); },
                                      .ended =
                                          [this](const ExitState&) {
                                            control_->Drain();
                                            return control_->ending().value_or("");
                                          }}));
  absl::Status status =
      control_->Call({{"verb", "create"}, {"launch", LaunchToJson(launch_)}}, kCreateTimeout);
  if (status.ok()) status = control_->Call({{"verb", "start"}}, kCommandTimeout);
  if (status.ok()) return status;
  status = Annotate(Explain(status), StrCat("starting the VM of sandbox ", spec_.id));
  process_->Stop();
  return status;
}

absl::Status KvmVm::Explain(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return absl::UnavailableError(StrCat(MessageOf(status), " (", process_->Wait(), ")"));
}

absl::StatusOr<UniqueFd> KvmVm::Connect(uint32_t port) {
  CC_RETURN_IF_ERROR(process_->CheckRunning("connecting to the guest"));
  return agent_proto::DialHybrid(vsock_path_, port, kConnectTimeout);
}

absl::StatusOr<UniqueFd> KvmVm::Listen(uint32_t port) {
  return ListenUnix(vsock::PortPath(vsock_path_, port));
}

absl::Status KvmVm::Command(std::string_view verb) {
  CC_RETURN_IF_ERROR(process_->CheckRunning(verb));
  return control_->Call({{"verb", std::string(verb)}}, kCommandTimeout);
}

absl::Status KvmVm::Pause() { return Command("pause"); }

absl::Status KvmVm::Resume() { return Command("resume"); }

}  // namespace cc::vmm::kvm
