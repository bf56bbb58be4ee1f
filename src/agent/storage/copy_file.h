// SPDX-License-Identifier: Apache-2.0
// CopyFile: the host puts small files, directories and symbolic links into the guest, beneath one directory
// and nowhere else. No link on the way is followed; a file appears under its name only when it is complete.
#ifndef CC_AGENT_STORAGE_COPY_FILE_H_
#define CC_AGENT_STORAGE_COPY_FILE_H_

#include <array>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "kata/agent.pb.h"

namespace cc::agent {

// Thread-safe: requests for one path take turns, those for different paths run at once.
class CopiedFiles {
 public:
  // `root` is created when missing.
  explicit CopiedFiles(std::string root) : root_(std::move(root)) {}

  // request.path must lie beneath the root. A file comes in chunks: each begins at most where the last ended
  // (InvalidArgument otherwise), and the one that reaches file_size completes it.
  //
  // A regular file that exists gets the new content but stays the same file, because a container may have it
  // mounted; everything else is replaced by a rename. When the link "..data" of a Kubernetes volume comes to
  // name another version, the versions and names that kubelet would remove are removed here: the protocol
  // has no call for that.
  absl::Status Copy(const grpc::CopyFileRequest& request);

  // Removes what was copied for a container: entries of the root named "<container id>-<16 hex digits>-...",
  // as Kata's shims and ours name them.
  absl::Status RemoveOf(std::string_view container_id);

 private:
  const std::string root_;
  std::array<std::mutex, 16> locks_;  // by hash of the path; held across I/O on a memory file system
};

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_COPY_FILE_H_
