// SPDX-License-Identifier: Apache-2.0
#include "image/container_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/beneath.h"
#include "base/file.h"
#include "base/log.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/digest.h"
#include "image/overlay.h"

namespace cc::image {
namespace {

std::string NameOf(const std::string& bundle) {
  return Digest::Of(HashAlgorithm::kSha256, bundle).hex().substr(0, 32);
}

bool IsMountPoint(int dir_fd, const char* path) {
  struct statx st;
  if (::statx(dir_fd, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) != 0) return false;
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// Marks a name as being worked on, for as long as it lives.
class Busy {
 public:
  Busy(std::mutex& mutex, std::set<std::string>& names, std::string name)
      : mutex_(mutex), names_(names), name_(std::move(name)) {
    const std::lock_guard lock(mutex_);
    held_ = names_.insert(name_).second;
  }
  ~Busy() {
    if (!held_) return;
    const std::lock_guard lock(mutex_);
    names_.erase(name_);
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  bool held() const { return held_; }

 private:
  std::mutex& mutex_;
  std::set<std::string>& names_;
  const std::string name_;
  bool held_ = false;
};

std::vector<std::string> List(int dir_fd) {
  std::vector<std::string> names;
  UniqueFd fd(::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* dir = fd ? ::fdopendir(fd.get()) : nullptr;
  if (dir == nullptr) return names;
  fd.release();
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ContainerStore>> ContainerStore::Open(int store_fd) {
  CC_ASSIGN_OR_RETURN(UniqueFd containers, MakeDirsBeneath(store_fd, "containers", 0700));
  auto store = std::unique_ptr<ContainerStore>(new ContainerStore(std::move(containers)));
  store->Sweep();
  return store;
}

absl::Status ContainerStore::MakeUpper(const std::string& name, const std::string& bundle) {
  CC_RETURN_IF_ERROR(RemoveTree(containers_.get(), name));
  CC_ASSIGN_OR_RETURN(const UniqueFd dir, MakeDirsBeneath(containers_.get(), name, 0700));
  for (const char* part : {"upper", "work"}) {
    // The upper directory's own attributes are those of the container's "/".
    if (::mkdirat(dir.get(), part, 0755) != 0)
      return ErrnoStatus(errno, "make the container's writable layer");
  }
  CC_ASSIGN_OR_RETURN(const UniqueFd note,
                      OpenBeneath(dir.get(), "bundle", O_WRONLY | O_CREAT | O_EXCL, 0600));
  return WriteFull(note.get(), bundle);
}

absl::StatusOr<UniqueFd> ContainerStore::Mount(const std::string& bundle, int bundle_fd,
                                               const std::vector<UniqueFd>& layers) {
  const std::string name = NameOf(bundle);
  const Busy busy(mutex_, busy_, name);
  if (!busy.held()) return absl::AlreadyExistsError(StrCat(bundle, " is being set up by another request"));
  CC_ASSIGN_OR_RETURN(const UniqueFd target, MakeDirsBeneath(bundle_fd, "rootfs", 0755));
  if (IsMountPoint(bundle_fd, "rootfs")) {
    return absl::AlreadyExistsError(StrCat(bundle, "/rootfs has a file system mounted already"));
  }
  CC_RETURN_IF_ERROR(MakeUpper(name, bundle));
  CC_ASSIGN_OR_RETURN(const UniqueFd upper,
                      OpenBeneath(containers_.get(), name + "/upper", O_PATH | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(const UniqueFd work,
                      OpenBeneath(containers_.get(), name + "/work", O_PATH | O_DIRECTORY));
  if (absl::Status status = MountOverlay(layers, upper.get(), work.get(), target.get()); !status.ok()) {
    if (absl::Status removed = RemoveTree(containers_.get(), name); !removed.ok()) {
      log::Warning("a writable layer could not be removed", {{"bundle", bundle}, {"cause", removed}});
    }
    return status;
  }
  // Opened anew, now that the name leads to the mounted root; openat2's RESOLVE_BENEATH allows that crossing.
  return OpenBeneath(bundle_fd, "rootfs", O_RDONLY | O_DIRECTORY);
}

absl::Status ContainerStore::Release(const std::string& bundle) {
  const std::string name = NameOf(bundle);
  const Busy busy(mutex_, busy_, name);
  if (!busy.held()) return absl::UnavailableError(StrCat(bundle, " is being set up"));
  const std::string rootfs = bundle + "/rootfs";
  if (IsMountPoint(AT_FDCWD, rootfs.c_str()) &&
      ::umount2(rootfs.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, StrCat("unmount ", rootfs));
  }
  return RemoveTree(containers_.get(), name);
}

void ContainerStore::Sweep() {
  for (const std::string& name : List(containers_.get())) {
    const Busy busy(mutex_, busy_, name);
    if (!busy.held()) continue;
    std::string bundle;
    if (absl::StatusOr<UniqueFd> note = OpenBeneath(containers_.get(), name + "/bundle", O_RDONLY);
        note.ok()) {
      std::array<char, 4096> text;
      const absl::StatusOr<size_t> n = ReadSome(note->get(), text);
      if (n.ok()) bundle.assign(text.data(), *n);
    }
    if (!bundle.empty() && IsMountPoint(AT_FDCWD, (bundle + "/rootfs").c_str())) continue;
    const absl::Status status = RemoveTree(containers_.get(), name);
    if (status.ok()) {
      log::Info("freed a container's writable layer", {{"bundle", bundle}});
    } else {
      log::Warning("a container's writable layer could not be freed",
                   {{"bundle", bundle}, {"cause", status}});
    }
  }
}

}  // namespace cc::image
