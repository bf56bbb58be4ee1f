// SPDX-License-Identifier: Apache-2.0
// A second, much simpler look at a tar stream, beside libarchive's: where do entries start, and does each
// have one size only? Readers that disagree about that unpack different files from the same bytes
// (CVE-2025-62518, "TARmageddon"), so whatever is open to two readings is refused, and the entries found here
// must be exactly those that libarchive finds.
//
// Thread-compatible.
#ifndef CC_IMAGE_TAR_GUARD_H_
#define CC_IMAGE_TAR_GUARD_H_

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace cc::image {

class TarGuard {
 public:
  // The next piece of the stream. InvalidArgument for an archive that is malformed or ambiguous.
  absl::Status Feed(std::string_view data);

  // libarchive is at an entry whose first header is at `position`.
  absl::Status ExpectEntry(uint64_t position);
  // libarchive is at the end of the archive.
  absl::Status ExpectEnd() const;

 private:
  static constexpr size_t kBlock = 512;
  enum class State { kHeader, kSparseExtension, kPaxBody, kData, kZeroBlock, kEnded };

  absl::Status TakeBlock();
  absl::Status TakeHeader();
  absl::Status TakeEntry(char type, uint64_t size);
  absl::Status TakePaxBody();
  absl::Status ParsePax(std::string_view body);
  void SkipData(uint64_t size);
  bool BlockIsZero() const;

  State state_ = State::kHeader;
  std::array<char, kBlock> block_{};
  size_t filled_ = 0;
  uint64_t offset_ = 0;       // of the first byte not yet in block_
  uint64_t skip_ = 0;         // data bytes to pass over, with padding
  uint64_t sparse_data_ = 0;  // what follows the sparse extension headers
  std::string pax_;
  uint64_t pax_left_ = 0;
  bool pax_global_ = false;
  std::optional<uint64_t> pax_size_;
  std::optional<uint64_t> entry_start_;  // of the headers that belong to the next entry
  std::deque<uint64_t> entries_;         // starts that libarchive has not come to yet
};

}  // namespace cc::image

#endif  // CC_IMAGE_TAR_GUARD_H_
