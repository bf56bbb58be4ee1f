// SPDX-License-Identifier: Apache-2.0
#include "shim/host_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/beneath.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr char kAdvice[] =
    "; put the data into the image, fetch it in the guest, or raise volumes.copy_limit_mib";
constexpr std::array<long, 9> kKernelViews = {PROC_SUPER_MAGIC,    SYSFS_MAGIC,   CGROUP_SUPER_MAGIC,
                                              CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
                                              SECURITYFS_MAGIC,    BPF_FS_MAGIC,  HUGETLBFS_MAGIC};

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::string_view KindOf(mode_t mode) {
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a FIFO";
  return "a device";
}

absl::StatusOr<std::string> ReadLink(int directory, const std::string& name) {
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  if (n < 0) return ErrnoStatus(errno, StrCat("read link ", name));
  return std::string(target.data(), static_cast<size_t>(n));
}

// kubelet's "..<time>.<random>", a directory beside the link and nothing else.
std::string VersionIn(int root) {
  absl::StatusOr<std::string> target = ReadLink(root, std::string(kCurrentVersion));
  if (!target.ok() || !target->starts_with("..") || target->size() < 3 ||
      target->find('/') != std::string::npos) {
    return {};
  }
  struct stat st {};
  const bool directory =
      ::fstatat(root, target->c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
  return directory ? *target : std::string();
}

std::string Fingerprint(int root, const struct stat& st, const std::string& version) {
  if (S_ISDIR(st.st_mode)) {
    if (version.empty()) return {};
    // kubelet may use a name again after a volume was set up anew.
    struct stat in {};
    ::fstatat(root, version.c_str(), &in, AT_SYMLINK_NOFOLLOW);
    return StrCat(version, ":", in.st_ino);
  }
  return StrCat(st.st_ino, ":", st.st_size, ":", st.st_mtim.tv_sec, ".", st.st_mtim.tv_nsec);
}

struct Root {
  UniqueFd fd;
  struct stat st {};
  std::string version;
  std::string fingerprint;
};

absl::StatusOr<Root> OpenRoot(const std::string& path) {
  Root root;
  // O_NONBLOCK: a FIFO must not hang us.
  CC_ASSIGN_OR_RETURN(const UniqueFd found, OpenFile(path, O_PATH));
  if (::fstat(found.get(), &root.st) != 0) return ErrnoStatus(errno, StrCat("look at ", path));
  if (!S_ISREG(root.st.st_mode) && !S_ISDIR(root.st.st_mode)) {
    return absl::InvalidArgumentError(StrCat(path, " is ", KindOf(root.st.st_mode),
                                             " of the host; only regular files and directories can be copied "
                                             "into the guest, so leave this mount out"));
  }
  struct statfs fs {};
  if (::fstatfs(found.get(), &fs) == 0 && std::find(kKernelViews.begin(), kKernelViews.end(),
                                                    static_cast<long>(fs.f_type)) != kKernelViews.end()) {
    return absl::InvalidArgumentError(
        StrCat(path,
               " is a view of the host's kernel, which has no meaning in the guest; the guest has its "
               "own, so leave this mount out"));
  }
  CC_ASSIGN_OR_RETURN(root.fd, OpenFile(StrCat("/proc/self/fd/", found.get()), O_RDONLY | O_NONBLOCK));
  if (S_ISDIR(root.st.st_mode)) root.version = VersionIn(root.fd.get());
  root.fingerprint = Fingerprint(root.fd.get(), root.st, root.version);
  return root;
}

}  // namespace

absl::StatusOr<std::string> FingerprintOf(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const Root root, OpenRoot(path));
  return root.fingerprint;
}

absl::StatusOr<HostTree> HostTree::List(const std::string& path, CopyLimits* left) {
  CC_ASSIGN_OR_RETURN(Root root, OpenRoot(path));
  HostTree tree;
  tree.path_ = path;
  tree.root_ = std::move(root.fd);
  tree.version_ = std::move(root.version);
  tree.fingerprint_ = std::move(root.fingerprint);
  CC_RETURN_IF_ERROR(tree.Append({.path = "", .st = root.st, .target = {}}, left));
  CC_RETURN_IF_ERROR(tree.ListAll(left));
  return tree;
}

absl::Status HostTree::ListAll(CopyLimits* left) {
  // A queue in place of recursion: threads have small stacks, trees may be deep.
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!S_ISDIR(entries_[i].st.st_mode)) continue;
    const std::string directory = entries_[i].path;
    CC_RETURN_IF_ERROR(ListDirectory(directory, left));
  }
  return absl::OkStatus();
}

absl::Status HostTree::ListDirectory(const std::string& directory, CopyLimits* left) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenBeneath(root_.get(), directory, O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
  if (dir == nullptr) return ErrnoStatus(errno, StrCat("list ", path_, "/", directory));
  const int listed = fd.release();  // owned by `dir` now
  errno = 0;
  while (const dirent* next = ::readdir(dir.get())) {
    const std::string name = next->d_name;
    if (name == "." || name == "..") continue;
    const bool of_kubelet = directory.empty() && !version_.empty() && name.starts_with("..");
    if (of_kubelet && name != version_ && name != kCurrentVersion) continue;
    HostEntry entry{.path = directory.empty() ? name : StrCat(directory, "/", name), .st = {}, .target = {}};
    if (::fstatat(listed, name.c_str(), &entry.st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // removed meanwhile
      return ErrnoStatus(errno, StrCat("look at ", path_, "/", entry.path));
    }
    if (S_ISLNK(entry.st.st_mode)) {
      CC_ASSIGN_OR_RETURN(entry.target, ReadLink(listed, name));
      // One look at the link decides; it may have been swapped since.
      if (of_kubelet && name == kCurrentVersion) entry.target = version_;
    }
    CC_RETURN_IF_ERROR(Append(std::move(entry), left));
    errno = 0;
  }
  return errno == 0 ? absl::OkStatus() : ErrnoStatus(errno, StrCat("list ", path_, "/", directory));
}

absl::Status HostTree::Append(HostEntry entry, CopyLimits* left) {
  const mode_t mode = entry.st.st_mode;
  if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode)) {
    return absl::InvalidArgumentError(
        StrCat(path_, "/", entry.path, " is ", KindOf(mode),
               " of the host; only regular files, directories and symbolic links "
               "can be copied into the guest, so mount a directory without it"));
  }
  const uint64_t size = S_ISREG(mode) ? static_cast<uint64_t>(entry.st.st_size) : 0;
  if (size > left->bytes) {
    return absl::ResourceExhaustedError(StrCat(
        path_, " is too large to be copied into the guest with the container's other mounts", kAdvice));
  }
  if (left->entries == 0) {
    return absl::ResourceExhaustedError(
        StrCat(path_, " has too many files to be copied into the guest (the limit is ", CopyLimits{}.entries,
               " for all mounts of a container)", kAdvice));
  }
  left->bytes -= size;
  --left->entries;
  entries_.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> HostTree::OpenRegular(const HostEntry& entry) const {
  UniqueFd fd;
  if (entry.path.empty()) {
    CC_ASSIGN_OR_RETURN(fd, OpenFile(StrCat("/proc/self/fd/", root_.get()), O_RDONLY | O_NONBLOCK));
  } else {
    CC_ASSIGN_OR_RETURN(fd, OpenBeneath(root_.get(), entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return absl::FailedPreconditionError(StrCat(path_, "/", entry.path, " is no regular file any more"));
  }
  return fd;
}

}  // namespace cc::shim
