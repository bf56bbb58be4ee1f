// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/jail/namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cc::vmm::kvm::jail {
namespace {

// In its namespace the process has the id of nobody, so that it is no root even there.
constexpr int kInnerId = 65534;

absl::Status WriteProc(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, StrCat("write ", path));
  }
  return absl::OkStatus();
}

// user_namespaces(7): one line, one's own id, needs no privilege outside.
absl::Status MapIds(uid_t user, gid_t group) {
  CC_RETURN_IF_ERROR(WriteProc("/proc/self/setgroups", "deny"));
  CC_RETURN_IF_ERROR(WriteProc("/proc/self/uid_map", StrCat(kInnerId, " ", user, " 1")));
  return WriteProc("/proc/self/gid_map", StrCat(kInnerId, " ", group, " 1"));
}

absl::Status Mounted(int result, const char* what) {
  return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, StrCat("empty root: ", what));
}

absl::Status SetFlags(int fd, uint64_t flags, const char* what) {
  mount_attr attributes{};
  attributes.attr_set = flags;
  return Mounted(::mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)), what);
}

constexpr uint64_t kNothingSpecial = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// A mount that is nowhere yet.
absl::StatusOr<UniqueFd> NewTmpfs() {
  const UniqueFd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context) return ErrnoStatus(errno, "empty root: make a tmpfs");
  for (const auto& [key, value] : {std::pair("mode", "0555"), {"nr_inodes", "8"}, {"size", "64k"}}) {
    CC_RETURN_IF_ERROR(Mounted(::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0), key));
  }
  CC_RETURN_IF_ERROR(
      Mounted(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "create the tmpfs"));
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, kNothingSpecial));
  if (!mount) return ErrnoStatus(errno, "empty root: mount a tmpfs");
  return mount;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> EnterNamespaces(Network network) {
  std::vector<std::string> missing;
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  // Root's groups are gone for ever: afterwards nobody may set them. Others cannot, and keep theirs.
  if (user == 0 && ::setgroups(0, nullptr) != 0) missing.push_back("its groups were not given up");
  if (::unshare(CLONE_NEWUSER) == 0) {
    CC_RETURN_IF_ERROR(MapIds(user, group));
  } else {
    missing.push_back(StrCat("no user namespace (", ::strerror(errno),
                             "; see user.max_user_namespaces and kernel.unprivileged_userns_clone)"));
  }
  if (::unshare(CLONE_NEWNS) != 0) {
    return Annotate(ErrnoStatus(errno, "make a mount namespace"),
                    "cc-vmm needs root or a kernel with user namespaces");
  }
  for (const auto& [flag, name] :
       {std::pair(CLONE_NEWNET, "network"), {CLONE_NEWIPC, "IPC"}, {CLONE_NEWUTS, "UTS"}}) {
    if (flag == CLONE_NEWNET && network == Network::kKeep) continue;
    if (::unshare(flag) != 0) missing.push_back(StrCat("no ", name, " namespace (", ::strerror(errno), ")"));
  }
  return missing;
}

absl::Status EnterEmptyRoot() {
  CC_RETURN_IF_ERROR(
      Mounted(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "keep mounts to itself"));
  const UniqueFd work(::open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!work) return ErrnoStatus(errno, "empty root: take the working directory along");
  CC_RETURN_IF_ERROR(SetFlags(work.get(), kNothingSpecial, "restrict the working directory"));
  CC_ASSIGN_OR_RETURN(const UniqueFd root, NewTmpfs());
  if (::mkdirat(root.get(), kWorkDir + 1, 0555) != 0)
    return ErrnoStatus(errno, "empty root: make a directory");
  // Anywhere, for a moment.
  CC_RETURN_IF_ERROR(
      Mounted(::move_mount(root.get(), "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH), "mount the tmpfs"));
  CC_RETURN_IF_ERROR(Mounted(::fchdir(root.get()), "enter the tmpfs"));
  CC_RETURN_IF_ERROR(Mounted(::move_mount(work.get(), "", AT_FDCWD, kWorkDir + 1, MOVE_MOUNT_F_EMPTY_PATH),
                             "mount the working directory"));
  // pivot_root(2), "pivot_root(".", ".")": the old root comes to lie on the new one, and is taken off.
  CC_RETURN_IF_ERROR(Mounted(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")),
                             "change the root (not possible where the host's root is an initramfs)"));
  CC_RETURN_IF_ERROR(Mounted(::umount2(".", MNT_DETACH), "let go of the old root"));
  CC_RETURN_IF_ERROR(SetFlags(root.get(), MOUNT_ATTR_RDONLY, "make it read-only"));
  CC_RETURN_IF_ERROR(Mounted(::chdir("/"), "enter it"));
  return Mounted(::chdir(kWorkDir), "enter the working directory");
}

}  // namespace cc::vmm::kvm::jail
