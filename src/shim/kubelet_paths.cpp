// SPDX-License-Identifier: Apache-2.0
#include "shim/kubelet_paths.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr std::string_view kEmptyDirPlugin = "kubernetes.io~empty-dir";

// The path's components after ".../pods/<uid>", and the path up to there.
struct PodPath {
  std::string pod;
  std::vector<std::string_view> rest;
};
std::optional<PodPath> SplitPodPath(std::string_view path) {
  const std::vector<std::string_view> parts = StrSplit(path, '/');
  const auto pods = std::find(parts.begin(), parts.end(), "pods");
  if (!path.starts_with('/') || parts.end() - pods < 3) return std::nullopt;
  const bool clean = std::none_of(parts.begin() + 1, parts.end(), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
  if (!clean) return std::nullopt;
  return PodPath{.pod = StrJoin(std::vector<std::string_view>(parts.begin(), pods + 2), "/"),
                 .rest = std::vector<std::string_view>(pods + 2, parts.end())};
}

// The last mount on `point` is the one that is seen.
const MountEntry* MountOn(const std::vector<MountEntry>& mounts, std::string_view point) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(),
                                  [&](const MountEntry& mount) { return mount.point == point; });
  return found == mounts.rend() ? nullptr : &*found;
}

bool IsBeneath(std::string_view path, std::string_view directory) {
  return path == directory || directory == "/" ||
         (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

// Where `path` lies in its file system, as the root field of a bind mount of it would say.
std::optional<std::string> PlaceInFileSystem(const std::vector<MountEntry>& mounts, const std::string& path,
                                             std::string* device) {
  const MountEntry* best = nullptr;
  for (const MountEntry& mount : mounts) {
    if (IsBeneath(path, mount.point) && (best == nullptr || mount.point.size() >= best->point.size()))
      best = &mount;
  }
  if (best == nullptr) return std::nullopt;
  *device = best->device;
  const std::string rest = path.substr(best->point == "/" ? 0 : best->point.size());
  return best->root == "/" && !rest.empty() ? rest : StrCat(best->root, rest);
}

// What of the volume at `volume` is mounted on `source`; nullopt when that cannot be told.
std::optional<std::string> PartOf(const std::vector<MountEntry>& mounts, const std::string& volume,
                                  const std::string& source) {
  const MountEntry* part = MountOn(mounts, source);
  std::string device;
  const std::optional<std::string> whole = PlaceInFileSystem(mounts, volume, &device);
  if (part == nullptr || !whole.has_value() || part->device != device || !IsBeneath(part->root, *whole)) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(part->root).substr(*whole == "/" ? 0 : whole->size());
  while (rest.starts_with('/')) rest.remove_prefix(1);
  // The kernel adds this to the root of a directory that is gone.
  if (rest.ends_with("//deleted")) return std::nullopt;
  return std::string(rest);
}

}  // namespace

bool IsSubPath(std::string_view source) {
  const std::optional<PodPath> path = SplitPodPath(source);
  return path.has_value() && path->rest.size() >= 4 && path->rest[0] == "volume-subpaths";
}

bool IsTerminationLog(std::string_view source) {
  const std::optional<PodPath> path = SplitPodPath(source);
  return path.has_value() && path->rest.size() == 3 && path->rest[0] == "containers" &&
         path->rest[2].find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::StatusOr<std::optional<EmptyDir>> EmptyDirOf(const std::string& source,
                                                   const std::vector<MountEntry>& mounts) {
  const std::optional<PodPath> path = SplitPodPath(source);
  if (!path.has_value()) return std::nullopt;
  EmptyDir volume;
  const std::vector<std::string_view>& rest = path->rest;
  if (rest.size() >= 3 && rest[0] == "volumes" && rest[1] == kEmptyDirPlugin) {
    volume.name = rest[2];
    volume.sub_path = StrJoin(std::vector<std::string_view>(rest.begin() + 3, rest.end()), "/");
  } else if (IsSubPath(source)) {
    volume.name = rest[1];
  } else {
    return std::nullopt;
  }
  volume.path = StrCat(path->pod, "/volumes/", kEmptyDirPlugin, "/", volume.name);
  if (IsSubPath(source)) {
    struct stat st {};
    if (::stat(volume.path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
      return std::nullopt;  // of another kind
    const std::optional<std::string> part = PartOf(mounts, volume.path, source);
    if (!part.has_value()) {
      return absl::InvalidArgumentError(
          StrCat("the mounts of the host do not tell which part of the emptyDir ", volume.name,
                 " it is; mount the whole volume instead"));
    }
    volume.sub_path = *part;
  }
  if (const MountEntry* mount = MountOn(mounts, volume.path); mount != nullptr) {
    if (mount->type == "hugetlbfs") {
      return absl::InvalidArgumentError(
          StrCat("emptyDir ", volume.name,
                 " has medium HugePages, which the guest does not have; use medium "
                 "Memory"));
    }
    volume.memory = mount->type == "tmpfs";
  }
  return volume;
}

}  // namespace cc::shim
