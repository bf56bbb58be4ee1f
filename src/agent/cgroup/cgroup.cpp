// SPDX-License-Identifier: Apache-2.0
#include "agent/cgroup/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxFile = 256 * 1024;
// A process in an uninterruptible wait stops when that ends.
constexpr int kFreezeTimeoutMs = 10000;

absl::Status WriteControl(const std::string& path, std::string_view text) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_WRONLY));
  return Annotate(WriteFull(fd.get(), text), StrCat("write ", path));
}

}  // namespace

Cgroup Cgroup::OfContainer(const std::string& root, std::string_view id) {
  return Cgroup(StrCat(root, "/kata-cc/", id));
}

absl::StatusOr<std::string> Cgroup::Read(std::string_view file) const {
  return ReadFile(StrCat(path_, "/", file), kMaxFile);
}

absl::Status Cgroup::Kill() const {
  const absl::Status status = WriteControl(StrCat(path_, "/cgroup.kill"), "1");
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status Cgroup::Freeze(bool frozen) const {
  const std::string_view wanted = frozen ? "frozen 1" : "frozen 0";
  CC_RETURN_IF_ERROR(WriteControl(StrCat(path_, "/cgroup.freeze"), frozen ? "1" : "0"));
  CC_ASSIGN_OR_RETURN(UniqueFd events, OpenFile(StrCat(path_, "/cgroup.events"), O_RDONLY));
  while (true) {
    std::array<char, 256> text;
    const ssize_t n = ::pread(events.get(), text.data(), text.size(), 0);
    if (n < 0) return ErrnoStatus(errno, StrCat("read cgroup.events of ", path_));
    if (std::string_view(text.data(), static_cast<size_t>(n)).find(wanted) != std::string_view::npos) {
      return absl::OkStatus();
    }
    // The kernel announces a change of the file by POLLPRI.
    pollfd polled{.fd = events.get(), .events = POLLPRI, .revents = 0};
    const int changed = ::poll(&polled, 1, kFreezeTimeoutMs);
    if (changed == 0)
      return absl::DeadlineExceededError(StrCat("not all processes of ", path_, " have stopped"));
    if (changed < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
  }
}

absl::Status EnableControllers(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string controllers, ReadFile(StrCat(path, "/cgroup.controllers"), kMaxFile));
  for (std::string_view controller : StrSplit(StrTrim(controllers), ' ')) {
    if (controller.empty()) continue;
    CC_RETURN_IF_ERROR(WriteControl(StrCat(path, "/cgroup.subtree_control"), StrCat("+", controller)));
  }
  return absl::OkStatus();
}

absl::Status Cgroup::CreateWithControllers() const {
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST)
    return ErrnoStatus(errno, StrCat("create ", path_));
  return EnableControllers(path_);
}

}  // namespace cc::agent
