// SPDX-License-Identifier: Apache-2.0
#include "image/tree_writer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/remove_tree.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/entry_path.h"

namespace cc::image {
namespace {

constexpr char kOpaqueXattr[] = "trusted.overlay.opaque";
constexpr size_t kMaxCachedParents = 64;

absl::Status PathError(int error, std::string_view action, std::string_view path) {
  const std::string what = StrCat(action, " '", path.substr(0, 300), "'");
  if (error == EXDEV || error == ELOOP) {
    return absl::PermissionDeniedError(StrCat(what, ": a symbolic link on the way leads out of the layer"));
  }
  if (error == ENAMETOOLONG) return absl::InvalidArgumentError(StrCat(what, ": a name is too long"));
  if (error == ENOTDIR) {
    return absl::InvalidArgumentError(StrCat(what, ": a part of the path is no directory"));
  }
  return ErrnoStatus(error, what);
}

bool IsWhiteoutNode(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

}  // namespace

absl::StatusOr<UniqueFd> TreeWriter::OpenDirectory(std::string_view directory, int flags) {
  const std::string path(directory.empty() ? "." : directory);
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_DIRECTORY | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  while (true) {
    const long fd = ::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EINTR && errno != EAGAIN) return PathError(errno, "open directory", directory);
  }
}

absl::StatusOr<UniqueFd> TreeWriter::OpenOrMakeDirectory(std::string_view directory) {
  absl::StatusOr<UniqueFd> opened = OpenDirectory(directory, O_PATH);
  const bool missing = !opened.ok() && (opened.status().code() == absl::StatusCode::kNotFound ||
                                        opened.status().code() == absl::StatusCode::kInvalidArgument);
  if (!missing || directory.empty()) return opened;

  const DirAndName split = SplitEntry(directory);
  CC_ASSIGN_OR_RETURN(const int parent, OpenParent(split.directory));
  const std::string name(split.name);
  bool opaque = false;
  if (::mkdirat(parent, name.c_str(), 0755) != 0) {
    struct stat st;
    // A whiteout that is followed by entries within: lower content stays hidden.
    if (errno != EEXIST || ::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !IsWhiteoutNode(st)) {
      return PathError(errno == EEXIST ? ENOTDIR : errno, "make directory", directory);
    }
    opaque = true;
    if (::unlinkat(parent, name.c_str(), 0) != 0 || ::mkdirat(parent, name.c_str(), 0755) != 0) {
      return PathError(errno, "make directory", directory);
    }
  }
  implied_.insert(std::string(directory));
  if (opaque) CC_RETURN_IF_ERROR(MakeOpaque(directory));
  return OpenDirectory(directory, O_PATH);
}

absl::StatusOr<int> TreeWriter::OpenParent(std::string_view directory) {
  if (directory.empty()) return root_.get();
  if (const auto found = parents_.find(directory); found != parents_.end()) return found->second.get();
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenOrMakeDirectory(directory));
  if (parents_.size() >= kMaxCachedParents) parents_.clear();
  const int raw = fd.get();
  parents_.insert_or_assign(std::string(directory), std::move(fd));
  return raw;
}

absl::Status TreeWriter::Clear(int parent, const std::string& name, std::string_view path) {
  const std::string self(path), first = self + "/", past = self + "0";  // '0' follows '/' in ASCII
  implied_.erase(self);
  implied_.erase(implied_.lower_bound(first), implied_.lower_bound(past));
  directory_times_.erase(self);
  directory_times_.erase(directory_times_.lower_bound(first), directory_times_.lower_bound(past));
  return RemoveTree(parent, name);
}

template <typename Make>
absl::Status TreeWriter::Place(std::string_view path, Make make) {
  const DirAndName split = SplitEntry(path);
  if (split.name.empty()) return absl::InvalidArgumentError("the layer's root is not a directory");
  CC_ASSIGN_OR_RETURN(const int parent, OpenParent(split.directory));
  const std::string name(split.name);
  if (make(parent, name.c_str()) == 0) return absl::OkStatus();
  if (errno != EEXIST) return PathError(errno, "create", path);
  CC_RETURN_IF_ERROR(Clear(parent, name, path));
  const absl::Status status =
      make(parent, name.c_str()) == 0 ? absl::OkStatus() : PathError(errno, "create", path);
  parents_.clear();
  return status;
}

absl::Status TreeWriter::ApplyXattrs(int fd, std::string_view path, const Attributes& attributes) {
  for (const auto& [name, value] : attributes.xattrs) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == EOPNOTSUPP && name.starts_with("user.")) {
      ++dropped_user_xattrs_;
      continue;
    }
    return PathError(errno, StrCat("set ", name.substr(0, 100), " on"), path);
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeDirectory(std::string_view path, const Attributes& attributes) {
  // The root's own attributes do not count, as in containerd: every layer's root is 0755 root:root.
  if (path.empty()) return absl::OkStatus();
  const DirAndName split = SplitEntry(path);
  CC_ASSIGN_OR_RETURN(int parent, OpenParent(split.directory));
  const std::string name(split.name);
  bool opaque = false;
  if (::mkdirat(parent, name.c_str(), 0700) != 0) {
    struct stat st;
    if (errno != EEXIST || ::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      return PathError(errno, "make directory", path);
    }
    if (!S_ISDIR(st.st_mode)) {
      opaque = IsWhiteoutNode(st);
      CC_RETURN_IF_ERROR(Clear(parent, name, path));
      if (::mkdirat(parent, name.c_str(), 0700) != 0) return PathError(errno, "make directory", path);
      parents_.clear();
      CC_ASSIGN_OR_RETURN(parent, OpenParent(split.directory));
    }
  }
  const UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return PathError(errno, "open directory", path);
  if (::fchown(fd.get(), attributes.uid, attributes.gid) != 0) return PathError(errno, "set owner of", path);
  if (::fchmod(fd.get(), attributes.mode) != 0) return PathError(errno, "set mode of", path);
  CC_RETURN_IF_ERROR(ApplyXattrs(fd.get(), path, attributes));
  if (opaque) CC_RETURN_IF_ERROR(SetOpaque(fd.get(), path));
  implied_.erase(std::string(path));
  directory_times_.insert_or_assign(std::string(path), attributes.mtime);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> TreeWriter::CreateFile(std::string_view path) {
  UniqueFd file;
  CC_RETURN_IF_ERROR(Place(path, [&](int parent, const char* name) {
    file.reset(::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    return file.valid() ? 0 : -1;
  }));
  return file;
}

absl::Status TreeWriter::FinishFile(const UniqueFd& file, std::string_view path,
                                    const Attributes& attributes) {
  if (::fchown(file.get(), attributes.uid, attributes.gid) != 0)
    return PathError(errno, "set owner of", path);
  // After fchown, which clears the set-id bits and capabilities.
  if (::fchmod(file.get(), attributes.mode) != 0) return PathError(errno, "set mode of", path);
  CC_RETURN_IF_ERROR(ApplyXattrs(file.get(), path, attributes));
  const timespec times[2] = {attributes.mtime, attributes.mtime};
  if (::futimens(file.get(), times) != 0) return PathError(errno, "set times of", path);
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeSymlink(std::string_view path, const std::string& target,
                                     const Attributes& attributes) {
  CC_RETURN_IF_ERROR(
      Place(path, [&](int parent, const char* name) { return ::symlinkat(target.c_str(), parent, name); }));
  CC_ASSIGN_OR_RETURN(const int parent, OpenParent(SplitEntry(path).directory));
  const std::string name(SplitEntry(path).name);
  const timespec times[2] = {attributes.mtime, attributes.mtime};
  if (::fchownat(parent, name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(errno, "set owner and times of", path);
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeHardLink(std::string_view path, std::string_view target) {
  const DirAndName split = SplitEntry(target);
  const std::string target_name(split.name);
  absl::StatusOr<UniqueFd> target_parent = OpenDirectory(split.directory, O_PATH);
  struct stat st;
  if (!target_parent.ok() ||
      ::fstatat(target_parent->get(), target_name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
      IsWhiteoutNode(st)) {
    if (!target_parent.ok() && target_parent.status().code() == absl::StatusCode::kPermissionDenied) {
      return target_parent.status();
    }
    return absl::InvalidArgumentError(StrCat("hard link '", path.substr(0, 300), "': its target '",
                                             target.substr(0, 300), "' is not in the layer"));
  }
  if (S_ISDIR(st.st_mode)) {
    return absl::InvalidArgumentError(StrCat("hard link '", path.substr(0, 300), "' names a directory"));
  }
  if (path == target) return absl::OkStatus();
  return Place(path, [&](int parent, const char* name) {
    return ::linkat(target_parent->get(), target_name.c_str(), parent, name, 0);
  });
}

absl::Status TreeWriter::MakeFifo(std::string_view path, const Attributes& attributes) {
  CC_RETURN_IF_ERROR(
      Place(path, [&](int parent, const char* name) { return ::mkfifoat(parent, name, 0600); }));
  CC_ASSIGN_OR_RETURN(const int parent, OpenParent(SplitEntry(path).directory));
  const std::string name(SplitEntry(path).name);
  const timespec times[2] = {attributes.mtime, attributes.mtime};
  // We have just made it in a private directory, so following is not possible; fchmodat has no NOFOLLOW here.
  if (::fchownat(parent, name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(parent, name.c_str(), attributes.mode, 0) != 0 ||
      ::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(errno, "set attributes of", path);
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeWhiteout(std::string_view path) {
  const DirAndName split = SplitEntry(path);
  CC_ASSIGN_OR_RETURN(const int parent, OpenParent(split.directory));
  const std::string name(split.name);
  if (::mknodat(parent, name.c_str(), S_IFCHR, makedev(0, 0)) == 0) return absl::OkStatus();
  struct stat st;
  if (errno != EEXIST || ::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(errno, "make whiteout", path);
  }
  // The layer brings its own: a file already hides the lower one, a directory must not merge with it.
  return S_ISDIR(st.st_mode) ? MakeOpaque(path) : absl::OkStatus();
}

absl::Status TreeWriter::MakeOpaque(std::string_view directory) {
  CC_ASSIGN_OR_RETURN(const int checked, OpenParent(directory));  // makes it when missing
  (void)checked;
  CC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory, O_RDONLY));
  return SetOpaque(fd.get(), directory);
}

absl::Status TreeWriter::SetOpaque(int fd, std::string_view path) {
  if (::fsetxattr(fd, kOpaqueXattr, "y", 1, 0) == 0) return absl::OkStatus();
  if (errno == EOPNOTSUPP) {
    return absl::FailedPreconditionError(StrCat(
        "mark directory '", path.substr(0, 300),
        "' opaque: the image store's file system holds no trusted extended attributes; use a tmpfs of a "
        "kernel with CONFIG_TMPFS_XATTR, or ext4"));
  }
  return PathError(errno, "mark opaque", path);
}

absl::Status TreeWriter::Finish() {
  parents_.clear();
  for (const auto& [path, mtime] : directory_times_) {
    absl::StatusOr<UniqueFd> fd = OpenDirectory(path, O_RDONLY);
    if (!fd.ok()) continue;  // replaced by a later entry
    const timespec times[2] = {mtime, mtime};
    if (::futimens(fd->get(), times) != 0) return PathError(errno, "set times of", path);
  }
  return absl::OkStatus();
}

}  // namespace cc::image
