// SPDX-License-Identifier: Apache-2.0
#include "agent/init/modules.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// After sys/socket.h.
#include <linux/vm_sockets.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxList = 1 << 20;

}  // namespace

absl::StatusOr<std::vector<KernelModule>> ReadModuleList(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxList);
  if (absl::IsNotFound(text.status())) return std::vector<KernelModule>();
  if (!text.ok()) return text.status();
  return ParseModuleList(*text);
}

absl::StatusOr<std::vector<KernelModule>> ParseModuleList(std::string_view text) {
  std::vector<KernelModule> out;
  size_t number = 0;
  for (std::string_view line : StrSplit(text, '\n')) {
    ++number;
    line = StrTrim(SplitOnce(line, '#').first);
    if (line.empty()) continue;
    const SplitPair pair = SplitOnce(line, ' ');
    if (pair.first.front() != '/' || pair.first.find('\0') != std::string_view::npos) {
      return absl::InvalidArgumentError(StrCat("module list, line ", number, ": want an absolute path"));
    }
    out.push_back({std::string(pair.first), std::string(StrTrim(pair.second))});
  }
  return out;
}

absl::Status LoadModule(const KernelModule& module) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(module.path, O_RDONLY));
  if (::syscall(SYS_finit_module, fd.get(), module.parameters.c_str(), 0) != 0 && errno != EEXIST) {
    if (errno == ENOENT) {
      return absl::FailedPreconditionError(StrCat(
          "load kernel module ", module.path, ": a module that it needs must come before it in the list"));
    }
    return ErrnoStatus(errno, StrCat("load kernel module ", module.path));
  }
  return absl::OkStatus();
}

bool VsockReady() {
  UniqueFd device(::open("/dev/vsock", O_RDONLY | O_CLOEXEC));
  unsigned cid = VMADDR_CID_ANY;
  return device && ::ioctl(device.get(), IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0 && cid != VMADDR_CID_ANY;
}

}  // namespace cc::agent
