// SPDX-License-Identifier: Apache-2.0
#include "base/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"
#include "base/strings.h"

namespace cc {
namespace {

std::string_view StripSlashes(std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path;
}

absl::Status PathError(int error, std::string_view path) {
  const std::string what = StrCat("open '", path, "' beneath its root");
  // EXDEV: "..", ELOOP: a symbolic or magic link.
  if (error == EXDEV || error == ELOOP) {
    return absl::PermissionDeniedError(StrCat(what, ": the path leaves the root or contains a link"));
  }
  if (error == ENOTDIR) return absl::FailedPreconditionError(StrCat(what, ": a component is no directory"));
  if (error == ENAMETOOLONG) return absl::InvalidArgumentError(StrCat(what, ": name too long"));
  return ErrnoStatus(error, what);
}

absl::Status CheckPath(std::string_view path) {
  if (path.find('\0') != std::string_view::npos)
    return absl::InvalidArgumentError("path contains a NUL byte");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> OpenBeneath(int root_fd, std::string_view path, int flags, unsigned mode) {
  CC_RETURN_IF_ERROR(CheckPath(path));
  const std::string relative(StripSlashes(path));
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const long fd =
        ::syscall(SYS_openat2, root_fd, relative.empty() ? "." : relative.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    // EAGAIN: the kernel saw a concurrent rename and could not prove that the path stayed beneath.
    if (errno != EINTR && errno != EAGAIN) return PathError(errno, path);
  }
}

absl::StatusOr<UniqueFd> MakeDirsBeneath(int root_fd, std::string_view path, unsigned mode) {
  CC_RETURN_IF_ERROR(CheckPath(path));
  CC_ASSIGN_OR_RETURN(UniqueFd current, OpenBeneath(root_fd, "", O_PATH | O_DIRECTORY));
  for (std::string_view component : StrSplit(StripSlashes(path), '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") return absl::PermissionDeniedError(StrCat("'", path, "' contains '..'"));
    const std::string name(component);
    if (::mkdirat(current.get(), name.c_str(), mode) != 0 && errno != EEXIST) return PathError(errno, path);
    CC_ASSIGN_OR_RETURN(current, OpenBeneath(current.get(), name, O_PATH | O_DIRECTORY));
  }
  return current;
}

absl::StatusOr<SplitPath> SplitLast(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  SplitPath split;
  if (slash != std::string_view::npos) split.directory = std::string(path.substr(0, slash));
  split.name = std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
  if (split.name.empty() || split.name == "." || split.name == "..") {
    return absl::InvalidArgumentError(StrCat("'", path, "' names no file"));
  }
  return split;
}

}  // namespace cc
