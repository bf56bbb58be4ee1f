// SPDX-License-Identifier: Apache-2.0
// The native VMM: one process for one virtual machine on KVM. Started by the shim with open descriptors and
// nothing else (vmm/kvm/control/launch.h); people do not run it.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/kvm_calls.h"
#include "vmm/kvm/control/launch.h"
#include "vmm/kvm/guest/server.h"
#include "vmm/kvm/jail/jail.h"
#include "vmm/kvm/jail/known_files.h"
#include "vmm/kvm/machine/machine.h"
#include "vmm/vsock/device.h"
#include "vmm/vsock/host_socket.h"

namespace {

using cc::UniqueFd;
namespace kvm = cc::vmm::kvm;

constexpr char kUsage[] =
    "cc-vmm runs the virtual machine of one pod. containerd-shim-cc-v2 starts it when config.toml has\n"
    "backend = \"kvm\"; it takes no arguments, only inherited descriptors.\n"
    "exit status: 0 the machine or the shim has ended, 1 failed (the reason is on stderr)\n";

absl::StatusOr<UniqueFd> Inherited(int fd, mode_t type) {
  struct stat st;
  if (::fstat(fd, &st) != 0 || (st.st_mode & S_IFMT) != type || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return absl::FailedPreconditionError(
        cc::StrCat("descriptor ", fd, " is not what the shim gives it; cc-vmm is not started by hand"));
  }
  return UniqueFd(fd);
}

// A guest's console may be written to a file.
constexpr uint64_t kConsoleBytes = 64 << 20;
// Of the machine's parts: each vCPU, each device's queues and its interrupt, and what the process began with.
constexpr uint64_t kDescriptorsPerVcpu = 1, kDescriptorsPerDevice = 6, kOtherDescriptors = 64;
constexpr uint64_t kMainAndDevices = 2;  // threads; each disk has one, as each vCPU has

kvm::jail::Limits LimitsOf(const kvm::Launch& launch) {
  uint64_t largest = std::max<uint64_t>(kConsoleBytes, uint64_t{launch.spec.memory_mib} << 20);
  for (const int fd : launch.disk_fds) {
    struct stat st;
    if (::fstat(fd, &st) == 0) largest = std::max(largest, static_cast<uint64_t>(st.st_size));
  }
  return {.file_bytes = largest,
          .descriptors = cc::vmm::vsock::VsockDevice::kMaxConnections +
                         cc::vmm::vsock::HostListener::kMaxWaiting + launch.spec.vcpus * kDescriptorsPerVcpu +
                         kvm::kMaxDevices * kDescriptorsPerDevice + kOtherDescriptors,
          .threads = launch.spec.vcpus + launch.disk_fds.size() + kMainAndDevices};
}

absl::Status RunVmm() {
  ::signal(SIGPIPE, SIG_IGN);
  CC_ASSIGN_OR_RETURN(UniqueFd control, Inherited(kvm::kControlFd, S_IFSOCK));
  CC_ASSIGN_OR_RETURN(UniqueFd state_dir, Inherited(kvm::kStateDirFd, S_IFDIR));
  // The jail keeps the working directory, in which the sockets are named, and no other way into the files.
  if (::fchdir(state_dir.get()) != 0) return cc::ErrnoStatus(errno, "enter the VM's directory");
  state_dir.reset();
  UniqueFd console(::fcntl(kvm::kConsoleFd, F_DUPFD_CLOEXEC, kvm::kFirstFreeFd));

  UniqueFd device(cc::cca::realm::RealKvm().Open("/dev/kvm", O_RDWR));
  if (!device) return cc::ErrnoStatus(errno, "open /dev/kvm");

  kvm::jail::KvmWithoutFiles calls(cc::cca::realm::RealKvm(), std::string(cc::cca::kLiveCapabilityPath));
  std::optional<kvm::jail::Jail> jail;

  CC_ASSIGN_OR_RETURN(
      const auto server,
      kvm::Server::Create({.kvm = &calls,
                           .control = std::move(control),
                           .kvm_device = std::move(device),
                           .console = std::move(console),
                           .confine = [&](const kvm::Launch& launch) -> absl::Status {
                             const auto network =
                                 launch.pod_network ? kvm::jail::Network::kKeep : kvm::jail::Network::kOwn;
                             CC_ASSIGN_OR_RETURN(jail, kvm::jail::Jail::Close(LimitsOf(launch), network));
                             return absl::OkStatus();
                           },
                           .enter = [&](kvm::jail::ThreadKind kind) { jail->Enter(kind); }}));
  return server->Run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const std::string_view argument = argv[1];
    std::fputs(argument == "--version" ? "cc-vmm " CC_VERSION "\n" : kUsage, stdout);
    return argument == "--version" || argument == "--help" || argument == "-h" ? 0 : 1;
  }
  cc::log::Init({.component = "cc-vmm"});
  const absl::Status status = RunVmm();
  if (status.ok()) return 0;
  std::fprintf(stderr, "cc-vmm: %s\n", std::string(cc::MessageOf(status)).c_str());
  return 1;
}
