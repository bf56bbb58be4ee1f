// SPDX-License-Identifier: Apache-2.0
#include "shim/empty_dir.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "agent_proto/names.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

std::string Octal(mode_t mode) {
  std::array<char, 16> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), mode & 07777U, 8).ptr;
  return StrCat("mode=0", std::string_view(text.data(), static_cast<size_t>(end - text.data())));
}

void Append(grpc::Storage storage, std::vector<grpc::Storage>* storages) {
  const bool known = std::any_of(storages->begin(), storages->end(), [&](const grpc::Storage& other) {
    return other.mount_point() == storage.mount_point();
  });
  if (!known) storages->push_back(std::move(storage));
}

absl::StatusOr<grpc::Storage> MakeStorage(const std::string& host_path, const std::string& guest_path) {
  struct stat st {};
  if (::stat(host_path.c_str(), &st) != 0) return ErrnoStatus(errno, StrCat("look at ", host_path));
  grpc::Storage storage;
  storage.set_driver("local");
  storage.set_source("local");
  storage.set_fstype("local");
  storage.set_mount_point(guest_path);
  storage.set_shared(true);
  storage.add_options(Octal(st.st_mode));
  // How kubelet leaves a volume that it gave to the pod's fsGroup.
  if ((st.st_mode & S_ISGID) != 0) storage.mutable_fs_group()->set_group_id(st.st_gid);
  return storage;
}

}  // namespace

absl::StatusOr<std::string> PlaceEmptyDir(const EmptyDir& volume, std::vector<grpc::Storage>* storages) {
  const std::string place = StrCat(agent_proto::kContainerBase, "/sandbox/",
                                   volume.memory ? "ephemeral" : "local", "/", volume.name);
  CC_ASSIGN_OR_RETURN(grpc::Storage storage, MakeStorage(volume.path, place));
  if (volume.memory) {
    struct statfs fs {};
    if (::statfs(volume.path.c_str(), &fs) != 0) return ErrnoStatus(errno, StrCat("look at ", volume.path));
    storage.set_driver("ephemeral");
    storage.set_source("tmpfs");
    storage.set_fstype("tmpfs");
    if (fs.f_blocks > 0)
      storage.add_options(StrCat("size=", fs.f_blocks * static_cast<uint64_t>(fs.f_bsize)));
  }
  Append(std::move(storage), storages);
  if (volume.sub_path.empty()) return place;
  std::string part = StrCat(place, "/", volume.sub_path);
  CC_ASSIGN_OR_RETURN(storage, MakeStorage(StrCat(volume.path, "/", volume.sub_path), part));
  Append(std::move(storage), storages);
  return part;
}

}  // namespace cc::shim
