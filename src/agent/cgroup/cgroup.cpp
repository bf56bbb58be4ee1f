// SPDX-License-Identifier: Apache-2.0
#include "agent/cgroup/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxFile = 256 * 1024;

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
