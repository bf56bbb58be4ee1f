// SPDX-License-Identifier: Apache-2.0
#include "image/overlay.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <thread>

#include "base/beneath.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

constexpr char kFdDirectory[] = "/proc/self/fd";

bool IsOpaque(int directory) {
  std::array<char, 2> value;
  return ::fgetxattr(directory, "trusted.overlay.opaque", value.data(), value.size()) == 1 && value[0] == 'y';
}

// mount(2) takes one page of options, and hundreds of layers have to fit. So the paths are descriptor
// numbers, relative to /proc/self/fd as working directory, of a thread that has a working directory of its
// own.
absl::Status MountFromFdDirectory(const std::string& options, const std::string& target) {
  absl::Status status;
  std::thread([&] {
    if (::unshare(CLONE_FS) != 0 || ::chdir(kFdDirectory) != 0) {
      status = ErrnoStatus(errno, StrCat("enter ", kFdDirectory));
    } else if (::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) != 0) {
      status = errno == ENODEV
                   ? absl::FailedPreconditionError(
                         "mount the root file system: the kernel has no overlayfs (module 'overlay')")
                   : ErrnoStatus(errno, "mount the root file system (overlay)");
    }
  }).join();
  return status;
}

// What a path is in one layer.
enum class Found { kDirectory, kHiding, kNothing };

// Looks `path` up in `layer`, component by component: kHiding when this layer has something else there, or
// hides what is below it.
Found Lookup(int layer, std::string_view path, UniqueFd* directory) {
  int current = layer;
  UniqueFd holder;
  bool opaque = IsOpaque(layer);
  for (std::string_view component : StrSplit(path, '/')) {
    const std::string name(component);
    UniqueFd next(::openat(current, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return errno == ENOENT && !opaque ? Found::kNothing : Found::kHiding;
    holder = std::move(next);
    current = holder.get();
    opaque = opaque || IsOpaque(current);
  }
  *directory = std::move(holder);
  return Found::kDirectory;
}

void CopyUserXattrs(int from, int to) {
  std::array<char, 4096> names;
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.data() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    std::array<char, 4096> value;
    if (!name.starts_with("user.")) continue;
    const ssize_t length = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (length >= 0) ::fsetxattr(to, name.c_str(), value.data(), static_cast<size_t>(length), 0);
  }
}

absl::Status CopyAttributes(int from, int to, std::string_view path) {
  struct stat st;
  const std::string what = StrCat("give '", path, "' the attributes of the layer below");
  if (::fstat(from, &st) != 0) return ErrnoStatus(errno, what);
  CopyUserXattrs(from, to);
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (::fchown(to, st.st_uid, st.st_gid) != 0 || ::fchmod(to, st.st_mode & 07777) != 0 ||
      ::futimens(to, times) != 0) {
    return ErrnoStatus(errno, what);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MountOverlay(const std::vector<UniqueFd>& layers, int upper, int work, int target) {
  if (layers.empty()) return absl::FailedPreconditionError("an image without layers has no root file system");
  std::vector<std::string> lower;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    lower.push_back(std::to_string(layer->get()));
    if (IsOpaque(layer->get())) break;  // the kernel looks at the roots' marks in no layer
  }
  const std::string options =
      StrCat("lowerdir=", StrJoin(lower, ":"), ",upperdir=", upper, ",workdir=", work);
  if (options.size() >= static_cast<size_t>(::sysconf(_SC_PAGESIZE))) {
    return absl::ResourceExhaustedError(
        StrCat("the image has too many layers to mount (", lower.size(), ")"));
  }
  return MountFromFdDirectory(options, std::to_string(target));
}

absl::Status InheritDirectories(int layer, const std::set<std::string>& directories,
                                const std::vector<UniqueFd>& beneath) {
  for (const std::string& path : directories) {
    absl::StatusOr<UniqueFd> own = OpenBeneath(layer, path, O_RDONLY | O_DIRECTORY);
    if (!own.ok()) continue;  // reached through a symbolic link of the layer, or replaced
    for (auto lower = beneath.rbegin(); lower != beneath.rend(); ++lower) {
      UniqueFd directory;
      const Found found = Lookup(lower->get(), path, &directory);
      if (found == Found::kNothing) continue;
      if (found == Found::kDirectory) CC_RETURN_IF_ERROR(CopyAttributes(directory.get(), own->get(), path));
      break;
    }
  }
  return absl::OkStatus();
}

}  // namespace cc::image
