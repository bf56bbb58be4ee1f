// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/volumes.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/oci/spec_policy.h"
#include "agent/storage/mount_options.h"
#include "base/beneath.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr unsigned kDefaultMode = 0777;

// Kata's Go runtime names the group of a volume in this option and leaves fs_group empty.
constexpr std::string_view kGroupOption = "fsgid";

// What mount(2) understands. "remount" comes with UpdateEphemeralMounts, which cannot mean anything else.
std::vector<std::string> Options(const grpc::Storage& storage) {
  std::vector<std::string> out;
  for (const std::string& option : storage.options()) {
    if (option != "remount" && SplitOnce(option, '=').first != kGroupOption) out.push_back(option);
  }
  return out;
}

// The group of the pod's security context, if it has one.
absl::StatusOr<std::optional<gid_t>> Group(const grpc::Storage& storage) {
  if (storage.has_fs_group()) return storage.fs_group().group_id();
  std::optional<gid_t> group;
  for (const std::string& option : storage.options()) {
    const SplitPair pair = SplitOnce(option, '=');
    if (pair.first != kGroupOption) continue;
    gid_t id = 0;
    if (!ParseNumber(pair.second, &id)) {
      return absl::InvalidArgumentError(
          StrCat("volume ", storage.mount_point(), ": option '", option, "' names no group"));
    }
    group = id;
  }
  return group;
}

// "mode=0755" among the options of a local volume.
unsigned LocalMode(const grpc::Storage& storage) {
  for (const std::string& option : storage.options()) {
    const SplitPair pair = SplitOnce(option, '=');
    unsigned mode = 0;
    if (pair.first == "mode" && ParseNumber(pair.second, &mode, 8)) return mode & 07777U;
  }
  return kDefaultMode;
}

std::string FdPath(const UniqueFd& fd) { return StrCat("/proc/self/fd/", fd.get()); }

// The group of a pod's security context owns the volume and all that is made in it later.
absl::Status ApplyGroup(const grpc::Storage& storage, const UniqueFd& directory) {
  CC_ASSIGN_OR_RETURN(const std::optional<gid_t> group, Group(storage));
  if (!group.has_value()) return absl::OkStatus();
  struct stat st {};
  const std::string path = FdPath(directory);
  if (::stat(path.c_str(), &st) != 0 || ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0 ||
      ::chmod(path.c_str(), (st.st_mode & 07777U) | 02070U) != 0) {
    return ErrnoStatus(errno, StrCat("give volume ", storage.mount_point(), " to its group"));
  }
  return absl::OkStatus();
}

}  // namespace

Volumes::~Volumes() {
  for (const auto& [mount_point, volume] : volumes_) {
    if (volume.mounted) ::umount2(mount_point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

absl::Status Volumes::Check(const grpc::Storage& storage) const {
  static constexpr std::array<std::string_view, 2> kOurs = {"ephemeral", "local"};
  if (std::find(kOurs.begin(), kOurs.end(), storage.driver()) == kOurs.end()) {
    return absl::UnimplementedError(
        StrCat("storage driver '", storage.driver(),
               "' is not supported: the guest takes no file system from the host"));
  }
  if (storage.driver() == "ephemeral" && storage.fstype() != "tmpfs") {
    return absl::InvalidArgumentError(
        StrCat("ephemeral storage must be a tmpfs, not '", storage.fstype(), "'"));
  }
  if (!IsVolumePath(storage.mount_point(), base_)) {
    return absl::PermissionDeniedError(StrCat("storage mount point ", storage.mount_point(),
                                              " is not beneath ", base_, "/sandbox or ", base_, "/shared"));
  }
  return Group(storage).status();
}

absl::Status Volumes::SetUp(const grpc::Storage& storage) {
  const std::string relative = storage.mount_point().substr(base_.size());
  // A part of another volume (subPath) that a container has made already is taken as it is, be it a file.
  const absl::StatusOr<UniqueFd> existing = OpenBeneath(base_fd_, relative, O_PATH | O_NOFOLLOW);
  struct stat st {};
  const bool existed = existing.ok() && ::fstat(existing->get(), &st) == 0;
  if (existed && storage.driver() == "local" && S_ISREG(st.st_mode)) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(UniqueFd directory, MakeDirsBeneath(base_fd_, relative, 0755));
  if (storage.driver() == "local") {
    if (existed) return absl::OkStatus();
    if (::chmod(FdPath(directory).c_str(), LocalMode(storage)) != 0) {
      return ErrnoStatus(errno, StrCat("set mode of ", storage.mount_point()));
    }
    return ApplyGroup(storage, directory);
  }
  const MountOptions options = ParseMountOptions(Options(storage));
  if (::mount("tmpfs", FdPath(directory).c_str(), "tmpfs", options.flags, options.data.c_str()) != 0) {
    return ErrnoStatus(errno, StrCat("mount tmpfs on ", storage.mount_point(), " with '", options.data, "'"));
  }
  CC_ASSIGN_OR_RETURN(UniqueFd root, OpenBeneath(base_fd_, relative, O_PATH | O_DIRECTORY));
  return ApplyGroup(storage, root);
}

absl::Status Volumes::Add(const grpc::Storage& storage) {
  CC_RETURN_IF_ERROR(Check(storage));
  std::lock_guard lock(mutex_);
  const auto existing = volumes_.find(storage.mount_point());
  if (existing != volumes_.end()) {
    ++existing->second.users;
    return absl::OkStatus();
  }
  CC_RETURN_IF_ERROR(SetUp(storage));
  volumes_[storage.mount_point()] =
      Volume{.users = 1, .mounted = storage.driver() == "ephemeral", .kept = storage.shared()};
  return absl::OkStatus();
}

void Volumes::Release(const std::string& mount_point) {
  std::lock_guard lock(mutex_);
  const auto volume = volumes_.find(mount_point);
  if (volume == volumes_.end() || volume->second.kept || --volume->second.users > 0) return;
  if (volume->second.mounted) ::umount2(mount_point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  volumes_.erase(volume);
}

absl::Status Volumes::Remount(const grpc::Storage& storage) {
  CC_RETURN_IF_ERROR(Check(storage));
  std::lock_guard lock(mutex_);
  const auto volume = volumes_.find(storage.mount_point());
  if (volume == volumes_.end() || !volume->second.mounted) {
    return absl::NotFoundError(StrCat("no ephemeral volume at ", storage.mount_point()));
  }
  CC_ASSIGN_OR_RETURN(
      UniqueFd root, OpenBeneath(base_fd_, storage.mount_point().substr(base_.size()), O_PATH | O_DIRECTORY));
  const MountOptions options = ParseMountOptions(Options(storage));
  if (::mount(nullptr, FdPath(root).c_str(), nullptr, options.flags | MS_REMOUNT, options.data.c_str()) !=
      0) {
    return ErrnoStatus(errno, StrCat("remount ", storage.mount_point(), " with '", options.data, "'"));
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
