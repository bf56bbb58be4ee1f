// SPDX-License-Identifier: Apache-2.0
// containerd's runtime v2 shim for confidential containers. containerd calls it; people use ctr, nerdctl or
// Kubernetes.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/bootstrap.h"
#include "shim/daemon.h"
#include "shim/delete.h"
#include "shim/flags.h"
#include "shim/start.h"
#include "vmm/kvm/kvm_vmm.h"
#include "vmm/qemu/qemu_vmm.h"
#include "vmm/registry.h"

namespace {

using cc::StrCat;

constexpr char kUsage[] =
    "containerd-shim-cc-v2 is started by containerd, for example through\n"
    "  ctr run --rm --runtime io.containerd.cc.v2 docker.io/library/busybox:latest demo uname -a\n"
    "\n"
    "usage: containerd-shim-cc-v2 -namespace NS -address SOCKET -id ID [-bundle DIR] [-debug] start|delete\n"
    "       containerd-shim-cc-v2 -info | -v\n"
    "exit status: 0 done, 1 failed (the reason is on stderr)\n";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Bounded; a terminal on stdin is a person who tries the command, not options.
absl::StatusOr<std::string> ReadInput() {
  constexpr size_t kMaxInput = 10 << 20;
  std::string input;
  if (::isatty(STDIN_FILENO) == 1) return input;
  std::string buffer(16384, '\0');
  while (input.size() <= kMaxInput) {
    CC_ASSIGN_OR_RETURN(const size_t n, cc::ReadSome(STDIN_FILENO, buffer));
    if (n == 0) return input;
    input.append(buffer, 0, n);
  }
  return absl::ResourceExhaustedError("stdin of start is longer than 10 MiB");
}

absl::StatusOr<std::string> Start(const cc::shim::Flags& flags) {
  CC_ASSIGN_OR_RETURN(const std::string input, ReadInput());
  CC_ASSIGN_OR_RETURN(const cc::shim::Bootstrap bootstrap,
                      cc::shim::ParseBootstrap(input, flags,
                                               {.ttrpc_address = Environment("TTRPC_ADDRESS"),
                                                .grpc_address = Environment("GRPC_ADDRESS"),
                                                .max_shim_version = Environment("MAX_SHIM_VERSION")}));
  return cc::shim::Start(flags, bootstrap, [](const cc::shim::DaemonOptions& options, cc::UniqueFd listener) {
    cc::vmm::Registry backends;
    backends.Add("kvm", [] { return std::make_unique<cc::vmm::kvm::KvmVmm>(); });
    backends.Add("qemu", [] { return std::make_unique<cc::vmm::qemu::QemuVmm>(); });
    return cc::shim::RunDaemon(options, std::move(listener), backends);
  });
}

absl::StatusOr<std::string> Answer(const cc::shim::Flags& flags) {
  if (flags.help) return std::string(kUsage);
  if (flags.version) return StrCat("containerd-shim-cc-v2 ", CC_VERSION, "\n");
  if (flags.info) return cc::shim::RuntimeInfo();
  if (flags.action == "start") return Start(flags);
  if (flags.action == "delete") return cc::shim::Delete(flags);
  return absl::InvalidArgumentError(
      StrCat("'", flags.action, "' is neither start nor delete; -h shows the usage"));
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<cc::shim::Flags> flags = cc::shim::ParseFlags(
      std::span<const char* const>(argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)));
  absl::StatusOr<std::string> answer = flags.ok() ? Answer(*flags) : flags.status();
  if (!answer.ok()) {
    // containerd shows this text to the user.
    std::fprintf(stderr, "containerd-shim-cc-v2: %s\n", std::string(cc::MessageOf(answer.status())).c_str());
    return 1;
  }
  return cc::WriteFull(STDOUT_FILENO, *answer).ok() ? 0 : 1;
}
