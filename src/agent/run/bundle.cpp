// SPDX-License-Identifier: Apache-2.0
#include "agent/run/bundle.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {

std::vector<std::string> MountsBeneath(const std::vector<MountEntry>& mounts, std::string_view directory) {
  const std::string prefix = StrCat(directory, "/");
  std::vector<std::string> out;
  for (const MountEntry& mount : mounts) {
    if (mount.point.starts_with(prefix)) out.push_back(mount.point);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

absl::Status CreateBundle(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0) return ErrnoStatus(errno, StrCat("create bundle ", path));
  return absl::OkStatus();
}

absl::Status RemoveBundle(const std::string& path) {
  CC_ASSIGN_OR_RETURN(std::vector<MountEntry> mounts, ReadMountinfo());
  for (const std::string& point : MountsBeneath(mounts, path)) {
    if (::umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
      return ErrnoStatus(errno, StrCat("unmount ", point));
    }
  }
  CC_ASSIGN_OR_RETURN(mounts, ReadMountinfo());
  if (!MountsBeneath(mounts, path).empty()) {
    return absl::FailedPreconditionError(
        StrCat("remove bundle ", path, ": something is still mounted in it"));
  }
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return ErrnoStatus(error.value(), StrCat("remove bundle ", path));
  return absl::OkStatus();
}

}  // namespace cc::agent
