// SPDX-License-Identifier: Apache-2.0
#include "image/tar_guard.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

// Offsets of POSIX.1-1988 (ustar) and GNU headers.
constexpr size_t kSizeOffset = 124, kSizeLength = 12, kTypeOffset = 156;
constexpr size_t kGnuExtendedOffset = 482, kSparseBlockExtendedOffset = 504;
constexpr uint64_t kLargestOctalSize = 077777777777;
constexpr uint64_t kMaxSize = uint64_t{1} << 60;
constexpr uint64_t kMaxPaxBody = 1 << 20;

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the layer's tar archive is malformed: ", what));
}

// Octal digits with blanks around, or GNU's base 256 with the first bit set.
std::optional<uint64_t> ParseSize(std::string_view field) {
  if ((field[0] & 0x80) != 0) {
    uint64_t value = static_cast<unsigned char>(field[0]) & 0x7f;
    for (const char c : field.substr(1)) {
      if (value > kMaxSize) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value <= kMaxSize ? std::optional(value) : std::nullopt;
  }
  field = field.substr(0, field.find('\0'));
  field = StrTrim(field);
  uint64_t value = 0;
  if (field.empty()) return 0;
  if (!ParseNumber(field, &value, 8)) return std::nullopt;
  return value;
}

bool HasNoData(char type) { return type >= '1' && type <= '6'; }

}  // namespace

absl::Status TarGuard::Feed(std::string_view data) {
  while (!data.empty()) {
    if (state_ == State::kEnded) return absl::OkStatus();
    if (state_ == State::kData) {
      const uint64_t n = std::min<uint64_t>(skip_, data.size());
      data.remove_prefix(n);
      offset_ += n;
      skip_ -= n;
      if (skip_ == 0) state_ = State::kHeader;
      continue;
    }
    const size_t n = std::min(kBlock - filled_, data.size());
    std::memcpy(block_.data() + filled_, data.data(), n);
    data.remove_prefix(n);
    filled_ += n;
    if (filled_ < kBlock) return absl::OkStatus();
    filled_ = 0;
    offset_ += kBlock;
    CC_RETURN_IF_ERROR(TakeBlock());
  }
  return absl::OkStatus();
}

absl::Status TarGuard::TakeBlock() {
  switch (state_) {
    case State::kHeader:
      return TakeHeader();
    case State::kZeroBlock:
      if (!BlockIsZero()) return Bad("a single zero block is followed by more");
      state_ = State::kEnded;
      return absl::OkStatus();
    case State::kSparseExtension:
      if (block_[kSparseBlockExtendedOffset] == 0) SkipData(sparse_data_);
      return absl::OkStatus();
    case State::kPaxBody:
      return TakePaxBody();
    case State::kData:
    case State::kEnded:
      break;
  }
  return absl::OkStatus();
}

bool TarGuard::BlockIsZero() const {
  return std::all_of(block_.begin(), block_.end(), [](char c) { return c == 0; });
}

void TarGuard::SkipData(uint64_t size) {
  skip_ = (size + kBlock - 1) / kBlock * kBlock;
  state_ = skip_ > 0 ? State::kData : State::kHeader;
}

absl::Status TarGuard::TakeHeader() {
  const uint64_t start = offset_ - kBlock;
  if (BlockIsZero()) {
    if (entry_start_) return Bad("an extended header belongs to no entry");
    state_ = State::kZeroBlock;
    return absl::OkStatus();
  }
  if (!entry_start_) entry_start_ = start;
  const std::optional<uint64_t> size = ParseSize(std::string_view(block_.data() + kSizeOffset, kSizeLength));
  if (!size) return Bad("an entry's size is no number");
  const char type = block_[kTypeOffset];
  switch (type) {
    case 'x':
    case 'g':
      if (*size > kMaxPaxBody) return Bad("a pax header is larger than 1 MiB");
      pax_.clear();
      pax_left_ = *size;
      pax_global_ = type == 'g';
      if (*size > 0) state_ = State::kPaxBody;
      return absl::OkStatus();
    case 'L':  // GNU: long name, long link
    case 'K':
      if (*size > kMaxPaxBody) return Bad("a name is larger than 1 MiB");
      SkipData(*size);
      return absl::OkStatus();
    default:
      return TakeEntry(type, *size);
  }
}

absl::Status TarGuard::TakeEntry(char type, uint64_t size) {
  constexpr std::string_view kKnown(
      "0\0"
      "1234567S",
      10);
  if (kKnown.find(type) == std::string_view::npos) {
    return Bad(StrCat("entry type ", static_cast<int>(static_cast<unsigned char>(type)), " is not known"));
  }
  if (pax_size_ && *pax_size_ != size) {
    // Only what the old field cannot hold may differ from it.
    if (*pax_size_ <= kLargestOctalSize) {
      return Bad(
          StrCat("an entry has two sizes, ", size, " in its header and ", *pax_size_, " in its pax header"));
    }
    size = *pax_size_;
  }
  if (HasNoData(type) && size != 0) return Bad("a link, directory or device has data");
  entries_.push_back(*entry_start_);
  entry_start_.reset();
  pax_size_.reset();
  if (type == 'S' && block_[kGnuExtendedOffset] != 0) {
    sparse_data_ = size;
    state_ = State::kSparseExtension;
    return absl::OkStatus();
  }
  SkipData(size);
  return absl::OkStatus();
}

absl::Status TarGuard::TakePaxBody() {
  const uint64_t n = std::min<uint64_t>(pax_left_, kBlock);
  pax_.append(block_.data(), n);
  pax_left_ -= n;
  if (pax_left_ > 0) return absl::OkStatus();
  state_ = State::kHeader;
  return ParsePax(pax_);
}

// Records "<length> <key>=<value>\n", the length counting all of it.
absl::Status TarGuard::ParsePax(std::string_view body) {
  while (!body.empty()) {
    const size_t space = body.find(' ');
    size_t length = 0;
    if (space == std::string_view::npos || space > 7 || !ParseNumber(body.substr(0, space), &length) ||
        length > body.size() || length < space + 3 || body[length - 1] != '\n') {
      return Bad("a pax record's length is wrong");
    }
    const SplitPair record = SplitOnce(body.substr(space + 1, length - space - 2), '=');
    if (!record.found || record.first.empty()) return Bad("a pax record has no key");
    body.remove_prefix(length);
    if (record.first != "size") continue;
    uint64_t size = 0;
    if (pax_global_ || pax_size_) return Bad("a pax size is global or given twice");
    // An empty value takes back what a global header said, and no global header may give sizes.
    if (record.second.empty()) continue;
    if (!ParseNumber(record.second, &size) || size > kMaxSize) return Bad("a pax size is no number");
    pax_size_ = size;
  }
  return absl::OkStatus();
}

absl::Status TarGuard::ExpectEntry(uint64_t position) {
  if (entries_.empty() || entries_.front() != position) {
    return Bad(StrCat("two readings of it differ at byte ", position));
  }
  entries_.pop_front();
  return absl::OkStatus();
}

absl::Status TarGuard::ExpectEnd() const {
  const bool clean = state_ == State::kEnded || state_ == State::kZeroBlock ||
                     (state_ == State::kHeader && filled_ == 0 && !entry_start_);
  if (!clean) return Bad("it is truncated");
  if (!entries_.empty()) return Bad(StrCat("two readings of it differ at byte ", entries_.front()));
  return absl::OkStatus();
}

}  // namespace cc::image
