// SPDX-License-Identifier: Apache-2.0
#include "base/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cc {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// A directory that is nested this deep is moved up beside the tree's root and dealt with there.
constexpr int kMaxDepth = 32;

class Remover {
 public:
  explicit Remover(int top_fd) : top_fd_(top_fd) {}

  absl::Status Remove(int dir_fd, const std::string& name, int depth) {
    if (::unlinkat(dir_fd, name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
    if (errno != EISDIR && errno != EPERM) return ErrnoStatus(errno, StrCat("remove ", name));
    if (::unlinkat(dir_fd, name.c_str(), AT_REMOVEDIR) == 0) return absl::OkStatus();
    if (errno != ENOTEMPTY && errno != EEXIST) return ErrnoStatus(errno, StrCat("remove directory ", name));
    if (depth >= kMaxDepth) return MoveUp(dir_fd, name);
    CC_RETURN_IF_ERROR(Empty(dir_fd, name, depth));
    if (::unlinkat(dir_fd, name.c_str(), AT_REMOVEDIR) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, StrCat("remove directory ", name));
  }

  absl::Status RemoveMoved() {
    while (moved_ > removed_) {
      const std::string name = MovedName(removed_++);
      CC_RETURN_IF_ERROR(Remove(top_fd_, name, 0));
    }
    return absl::OkStatus();
  }

 private:
  static std::string MovedName(unsigned long number) {
    return StrCat(".removing-", ::getpid(), "-", ::gettid(), "-", number);
  }

  absl::Status MoveUp(int dir_fd, const std::string& name) {
    if (::renameat(dir_fd, name.c_str(), top_fd_, MovedName(moved_).c_str()) != 0) {
      return ErrnoStatus(errno, StrCat("move directory ", name, " for removal"));
    }
    ++moved_;
    return absl::OkStatus();
  }

  absl::Status Empty(int dir_fd, const std::string& name, int depth) {
    UniqueFd fd(::openat(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return ErrnoStatus(errno, StrCat("open directory ", name));
    const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
    if (dir == nullptr) return ErrnoStatus(errno, StrCat("list directory ", name));
    const int listed = fd.release();  // owned by `dir` now
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr) break;
      const std::string_view child = entry->d_name;
      if (child == "." || child == "..") continue;
      CC_RETURN_IF_ERROR(Remove(listed, std::string(child), depth + 1));
    }
    return errno == 0 ? absl::OkStatus() : ErrnoStatus(errno, StrCat("list directory ", name));
  }

  const int top_fd_;
  unsigned long moved_ = 0, removed_ = 0;
};

}  // namespace

absl::Status RemoveTree(int dir_fd, const std::string& name) {
  Remover remover(dir_fd);
  CC_RETURN_IF_ERROR(remover.Remove(dir_fd, name, 0));
  return remover.RemoveMoved();
}

}  // namespace cc
