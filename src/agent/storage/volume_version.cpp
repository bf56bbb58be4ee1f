// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/volume_version.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/beneath.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// "..2026_08_22_10_11_12.123456"
bool IsVersionName(std::string_view name) {
  if (!name.starts_with("..20")) return false;
  const size_t dot = name.find('.', 2);
  return dot != std::string_view::npos &&
         name.substr(2, dot - 2).find_first_not_of("0123456789_") == std::string_view::npos;
}

// Whether `name` is a link into "..data" whose file is not in the current version.
bool IsStaleLink(int volume_fd, const std::string& name, std::string_view current) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t n = ::readlinkat(volume_fd, name.c_str(), buffer.data(), buffer.size());
  if (n <= 0) return false;
  const std::string_view target(buffer.data(), static_cast<size_t>(n));
  const std::string prefix = StrCat(kCurrentVersion, "/");
  if (!target.starts_with(prefix)) return false;
  const std::string path = StrCat(current, "/", target.substr(prefix.size()));
  return absl::IsNotFound(OpenBeneath(volume_fd, path, O_PATH | O_NOFOLLOW).status());
}

}  // namespace

absl::StatusOr<std::vector<std::string>> NamesIn(int directory_fd) {
  UniqueFd fd(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, CloseDir> dir(fd ? ::fdopendir(fd.get()) : nullptr);
  if (dir == nullptr) return ErrnoStatus(errno, "list a directory");
  fd.release();  // owned by `dir` now
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return ErrnoStatus(errno, "list a directory");
  return names;
}

absl::Status RemoveOldVersions(int volume_fd, std::string_view current) {
  CC_ASSIGN_OR_RETURN(const UniqueFd volume, OpenBeneath(volume_fd, "", O_RDONLY | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(volume.get()));
  for (const std::string& name : names) {
    struct stat st {};
    if (::fstatat(volume.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool old = S_ISDIR(st.st_mode) ? IsVersionName(name) && name != current
                                         : S_ISLNK(st.st_mode) && IsStaleLink(volume.get(), name, current);
    if (old) CC_RETURN_IF_ERROR(Annotate(RemoveTree(volume.get(), name), "remove an old version"));
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
