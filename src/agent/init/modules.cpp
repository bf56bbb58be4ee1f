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
#include <filesystem>
#include <system_error>

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
    KernelModule module;
    constexpr std::string_view kVirtio = "virtio:";
    if (line.starts_with(kVirtio)) {
      const SplitPair condition = SplitOnce(line.substr(kVirtio.size()), ' ');
      line = StrTrim(condition.second);
      if (!ParseNumber(condition.first, &module.virtio_type) || module.virtio_type == 0 || line.empty()) {
        return absl::InvalidArgumentError(
            StrCat("module list, line ", number, ": want virtio:<number> and a path"));
      }
    }
    const SplitPair pair = SplitOnce(line, ' ');
    if (pair.first.front() != '/' || pair.first.find('\0') != std::string_view::npos) {
      return absl::InvalidArgumentError(StrCat("module list, line ", number, ": want an absolute path"));
    }
    module.path = pair.first;
    module.parameters = StrTrim(pair.second);
    out.push_back(std::move(module));
  }
  return out;
}

std::set<uint32_t> VirtioTypes(const std::string& sysfs) {
  std::set<uint32_t> types;
  std::error_code ignored;
  for (const auto& device : std::filesystem::directory_iterator(sysfs + "/bus/virtio/devices", ignored)) {
    constexpr size_t kMaxAttribute = 64;
    const absl::StatusOr<std::string> text = ReadFile(device.path().string() + "/device", kMaxAttribute);
    std::string_view hex = text.ok() ? StrTrim(*text) : std::string_view();
    uint32_t type = 0;
    if (hex.starts_with("0x") && ParseNumber(hex.substr(2), &type, 16)) types.insert(type);
  }
  return types;
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
