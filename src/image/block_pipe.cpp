// SPDX-License-Identifier: Apache-2.0
#include "image/block_pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"

namespace cc::image {

BlockPipe::BlockPipe(size_t block_size, size_t count) : block_size_(block_size), storage_(count) {
  for (size_t i = 0; i < count; ++i) free_.push_back(i);
}

absl::StatusOr<std::span<char>> BlockPipe::Acquire() {
  std::unique_lock lock(mutex_);
  if (filling_ == kNone) {
    changed_.wait(lock, [&] { return !free_.empty() || !abort_status_.ok(); });
    if (!abort_status_.ok()) return abort_status_;
    filling_ = free_.front();
    free_.pop_front();
  } else if (!abort_status_.ok()) {
    return abort_status_;
  }
  std::vector<char>& block = storage_[filling_];
  if (block.empty()) block.resize(block_size_);  // a small layer never touches the other blocks
  return std::span<char>(block);
}

void BlockPipe::Commit(size_t size) {
  const std::lock_guard lock(mutex_);
  if (size == 0 || discard_) {
    free_.push_front(filling_);
  } else {
    ready_.push_back({filling_, size});
  }
  filling_ = kNone;
  changed_.notify_all();
}

absl::Status BlockPipe::Append(std::string_view data) {
  while (!data.empty()) {
    CC_ASSIGN_OR_RETURN(std::span<char> block, Acquire());
    const size_t n = std::min(data.size(), block.size() - append_used_);
    std::memcpy(block.data() + append_used_, data.data(), n);
    data.remove_prefix(n);
    append_used_ += n;
    if (append_used_ == block.size()) {
      Commit(append_used_);
      append_used_ = 0;
    }
  }
  return absl::OkStatus();
}

void BlockPipe::Finish(absl::Status status) {
  if (append_used_ > 0) Commit(std::exchange(append_used_, 0));
  const std::lock_guard lock(mutex_);
  finished_ = true;
  finish_status_ = std::move(status);
  changed_.notify_all();
}

absl::StatusOr<std::string_view> BlockPipe::Next() {
  std::unique_lock lock(mutex_);
  if (reading_ != kNone) {
    free_.push_back(reading_);
    reading_ = kNone;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return !ready_.empty() || finished_ || !abort_status_.ok(); });
  if (!abort_status_.ok()) return abort_status_;
  if (ready_.empty()) {
    if (!finish_status_.ok()) return finish_status_;
    return std::string_view();
  }
  const Block block = ready_.front();
  ready_.pop_front();
  reading_ = block.index;
  return std::string_view(storage_[block.index].data(), block.size);
}

void BlockPipe::Abort(absl::Status reason) {
  const std::lock_guard lock(mutex_);
  if (abort_status_.ok()) abort_status_ = std::move(reason);
  changed_.notify_all();
}

void BlockPipe::DiscardRest() {
  const std::lock_guard lock(mutex_);
  discard_ = true;
  for (const Block& block : ready_) free_.push_back(block.index);
  ready_.clear();
  if (reading_ != kNone) free_.push_back(std::exchange(reading_, kNone));
  changed_.notify_all();
}

}  // namespace cc::image
