// SPDX-License-Identifier: Apache-2.0
// A file or directory of the host as it is to be copied into a guest: what lies beneath it, read without ever
// following a symbolic link, so that whoever may write there cannot have other files of the host copied.
#ifndef CC_SHIM_HOST_TREE_H_
#define CC_SHIM_HOST_TREE_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::shim {

// How much one container may have copied. Read down while trees are listed.
struct CopyLimits {
  uint64_t bytes = 64 << 20;
  uint64_t entries = 16384;  // files, directories and links; a listing takes memory and each one a call
};

struct HostEntry {
  std::string path;  // beneath the root; "" is the root itself
  struct stat st {};
  std::string target;  // of a symbolic link
};

class HostTree {
 public:
  // Lists `path`, which itself may be a link. Takes what it finds off `left`; ResourceExhausted when that is
  // not enough, InvalidArgument for sockets, devices, FIFOs and views of the host's kernel such as /proc.
  static absl::StatusOr<HostTree> List(const std::string& path, CopyLimits* left);

  const std::string& path() const { return path_; }
  // A directory comes before its content.
  const std::vector<HostEntry>& entries() const { return entries_; }
  // The directory that "..data" names in a Kubernetes volume (config map, secret, projected, downward API);
  // empty for all others. Of such a volume only this version is listed.
  const std::string& version() const { return version_; }
  // Changes with the content of a Kubernetes volume or a single file; empty for other directories, which are
  // not watched. Taken before anything was read.
  const std::string& fingerprint() const { return fingerprint_; }

  // A regular file of the listing. FailedPrecondition when it has become something else.
  absl::StatusOr<UniqueFd> OpenRegular(const HostEntry& entry) const;

 private:
  absl::Status ListAll(CopyLimits* left);
  absl::Status ListDirectory(const std::string& directory, CopyLimits* left);
  absl::Status Append(HostEntry entry, CopyLimits* left);

  std::string path_;
  UniqueFd root_;
  std::string version_;
  std::string fingerprint_;
  std::vector<HostEntry> entries_;
};

inline constexpr std::string_view kCurrentVersion = "..data";

// The fingerprint that a listing made now would have.
absl::StatusOr<std::string> FingerprintOf(const std::string& path);

}  // namespace cc::shim

#endif  // CC_SHIM_HOST_TREE_H_
