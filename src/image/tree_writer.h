// SPDX-License-Identifier: Apache-2.0
// Writes the entries of one layer beneath a private directory, in overlayfs form (whiteouts are character
// devices 0/0, opaque directories carry trusted.overlay.opaque).
//
// Every path is resolved by openat2 with RESOLVE_BENEATH: a symbolic link of the layer may be walked through
// as long as it stays inside, an absolute one or one that climbs out is PermissionDenied. The last component
// is never followed. A later entry replaces an earlier one of the same name; directories are merged.
//
// Thread-compatible. Paths are those of CleanEntryPath. Nobody else may write in the directory meanwhile.
#ifndef CC_IMAGE_TREE_WRITER_H_
#define CC_IMAGE_TREE_WRITER_H_

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::image {

struct Attributes {
  mode_t mode = 0;  // permission bits with set-id and sticky
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  std::vector<std::pair<std::string, std::string>> xattrs;
};

class TreeWriter {
 public:
  explicit TreeWriter(UniqueFd root) : root_(std::move(root)) {}

  absl::Status MakeDirectory(std::string_view path, const Attributes& attributes);
  // A new, empty, write-only file; pass it to FinishFile once written.
  absl::StatusOr<UniqueFd> CreateFile(std::string_view path);
  absl::Status FinishFile(const UniqueFd& file, std::string_view path, const Attributes& attributes);
  absl::Status MakeSymlink(std::string_view path, const std::string& target, const Attributes& attributes);
  absl::Status MakeHardLink(std::string_view path, std::string_view target);
  absl::Status MakeFifo(std::string_view path, const Attributes& attributes);
  // Hides `path` of lower layers, where this layer has nothing there itself.
  absl::Status MakeWhiteout(std::string_view path);
  absl::Status MakeOpaque(std::string_view directory);

  // Sets the directories' times, which writing into them would have changed. Last call.
  absl::Status Finish();

  // Directories that the layer has entries in, but no entry for: their owner and mode are those of the layer
  // below. Sorted, parents first.
  const std::set<std::string>& implied_directories() const { return implied_; }
  // extended attributes of the user namespace that the file system does not hold (tmpfs before Linux 6.6)
  uint64_t dropped_user_xattrs() const { return dropped_user_xattrs_; }

 private:
  absl::StatusOr<int> OpenParent(std::string_view directory);
  absl::StatusOr<UniqueFd> OpenOrMakeDirectory(std::string_view directory);
  absl::StatusOr<UniqueFd> OpenDirectory(std::string_view directory, int flags);
  // Removes what is at `path` (`name` in `parent`) and forgets what was noted about it. The cache of parents
  // is stale then; the caller clears it once it no longer needs `parent`.
  absl::Status Clear(int parent, const std::string& name, std::string_view path);
  // Makes an entry by `make` (which returns 0 or -1 and sets errno), clearing the place first if it is taken.
  template <typename Make>
  absl::Status Place(std::string_view path, Make make);
  absl::Status ApplyXattrs(int fd, std::string_view path, const Attributes& attributes);
  absl::Status SetOpaque(int fd, std::string_view path);

  UniqueFd root_;
  std::map<std::string, UniqueFd, std::less<>> parents_;  // bounded cache of O_PATH descriptors
  std::set<std::string> implied_;
  std::map<std::string, timespec> directory_times_;
  uint64_t dropped_user_xattrs_ = 0;
};

}  // namespace cc::image

#endif  // CC_IMAGE_TREE_WRITER_H_
