// SPDX-License-Identifier: Apache-2.0
// Whole-file and whole-buffer I/O over descriptors. EINTR is handled; short reads and writes are completed.
#ifndef CC_BASE_FILE_H_
#define CC_BASE_FILE_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc {

// open(2) with O_CLOEXEC added. The error names the path.
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, unsigned mode = 0600);

// The whole file; ResourceExhausted when it is longer than `limit` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit = 16 << 20);

// Writes a temporary sibling and renames it over `path`: readers see the old or the new content, never half.
absl::Status WriteFileAtomic(const std::string& path, std::string_view content, unsigned mode = 0644);

// Fills `buffer` or fails; end of file before that is OutOfRange.
absl::Status ReadFull(int fd, std::span<std::byte> buffer);
absl::Status ReadFull(int fd, void* data, size_t size);

// Writes all of it. On a socket use SendFull (no SIGPIPE).
absl::Status WriteFull(int fd, std::string_view data);

// One read(2) of at most buffer.size() bytes; 0 means end of file.
absl::StatusOr<size_t> ReadSome(int fd, std::span<char> buffer);

// A memfd or unlinked temporary is not enough when a path is needed: a directory that is removed, with
// all that is in it (symbolic links are not followed), when the object goes.
class TempDir {
 public:
  static absl::StatusOr<TempDir> Create(const std::string& prefix);
  TempDir(TempDir&& other) noexcept = default;
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace cc

#endif  // CC_BASE_FILE_H_
