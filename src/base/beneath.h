// SPDX-License-Identifier: Apache-2.0
// The one resolver for paths that a peer named: everything stays beneath a root directory.
// openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS) does the work; there is no
// fallback, because every kernel we run on (>= 5.6) has it.
#ifndef CC_BASE_BENEATH_H_
#define CC_BASE_BENEATH_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc {

// Opens `path` (relative; a leading '/' is taken as the root itself) beneath directory `root_fd`.
// Symbolic links anywhere in the path, "..", and magic links are PermissionDenied.
absl::StatusOr<UniqueFd> OpenBeneath(int root_fd, std::string_view path, int flags, unsigned mode = 0);

// Makes the missing directories of `path` beneath `root_fd`, each with `mode`; returns the last, opened
// with O_PATH. An existing component that is no directory is FailedPrecondition.
absl::StatusOr<UniqueFd> MakeDirsBeneath(int root_fd, std::string_view path, unsigned mode);

// Splits into the directory part (may be empty) and the last name. InvalidArgument when the last name is
// empty, "." or "..".
struct SplitPath {
  std::string directory;
  std::string name;
};
absl::StatusOr<SplitPath> SplitLast(std::string_view path);

}  // namespace cc

#endif  // CC_BASE_BENEATH_H_
