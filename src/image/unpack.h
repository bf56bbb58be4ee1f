// SPDX-License-Identifier: Apache-2.0
// A layer's tar stream, read by libarchive, written by TreeWriter. What a layer may not contain is refused
// here: names that leave the layer, devices (but overlay whiteouts), control attributes of overlayfs, and
// more than the limits allow.
#ifndef CC_IMAGE_UNPACK_H_
#define CC_IMAGE_UNPACK_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::image {

struct UnpackLimits {
  // Of the tar stream, and of the files' logical sizes plus kEntryCost for each entry. Exceeding it is
  // ResourceExhausted.
  uint64_t max_bytes = UINT64_MAX;
};
// What an inode costs on tmpfs, about.
inline constexpr uint64_t kEntryCost = 1024;

struct UnpackResult {
  uint64_t tar_bytes = 0;
  uint64_t entries = 0;
  std::set<std::string> implied_directories;  // see TreeWriter
};

// The next piece of the stream, valid until the following call; empty at its end.
using ReadBlock = std::function<absl::StatusOr<std::string_view>()>;

// Unpacks into the empty directory `root` and reads the stream to its end, beyond the end of the archive too.
absl::StatusOr<UnpackResult> UnpackTar(const ReadBlock& read, UniqueFd root, const UnpackLimits& limits);

}  // namespace cc::image

#endif  // CC_IMAGE_UNPACK_H_
