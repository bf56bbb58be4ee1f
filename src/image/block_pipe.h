// SPDX-License-Identifier: Apache-2.0
// A bounded pipe of large blocks between two stages of a layer's pipeline, each on its own thread. The blocks
// circulate: memory is block_size * count, whatever the layer's size.
//
// One producer thread (Acquire/Commit or Append, then Finish), one consumer thread (Next until empty or an
// error); Abort may be called by any thread.
#ifndef CC_IMAGE_BLOCK_PIPE_H_
#define CC_IMAGE_BLOCK_PIPE_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::image {

class BlockPipe {
 public:
  BlockPipe(size_t block_size, size_t count);

  // An empty block to fill; waits for one. The error of Abort once the consumer has given up.
  absl::StatusOr<std::span<char>> Acquire();
  // Hands on the first `size` bytes of the block acquired last. A size of 0 gives the block back.
  void Commit(size_t size);
  // Copies `data` into blocks, handing on each that is full.
  absl::Status Append(std::string_view data);
  // No more data. A non-OK status is what Next returns after the blocks already handed on.
  void Finish(absl::Status status);

  // The next block, valid until the following call; empty at the end of the data.
  absl::StatusOr<std::string_view> Next();
  // The consumer wants nothing more: Acquire fails with `reason` from now on.
  void Abort(absl::Status reason);
  // The consumer wants nothing more, but lets the producer run to its end: what it hands on is dropped.
  void DiscardRest();

 private:
  struct Block {
    size_t index;
    size_t size;
  };

  const size_t block_size_;
  std::vector<std::vector<char>> storage_;
  size_t append_used_ = 0;  // producer's: bytes in the block that Append is filling

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<size_t> free_;
  std::deque<Block> ready_;
  static constexpr size_t kNone = SIZE_MAX;
  size_t filling_ = kNone;  // with the producer
  size_t reading_ = kNone;  // with the consumer
  bool finished_ = false, discard_ = false;
  absl::Status finish_status_, abort_status_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_BLOCK_PIPE_H_
