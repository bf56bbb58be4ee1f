// SPDX-License-Identifier: Apache-2.0
#include "vmm/net/receiver.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm::net {

absl::StatusOr<bool> Receiver::Deliver(virtio::Virtqueue& queue, bool merge) {
  const size_t most = merge ? kMaxBuffers : 1;
  while (capacity_ < size_) {
    if (held_ == most) {
      size_ = 0;
      return true;
    }
    if (held_ == chains_.size()) chains_.emplace_back();
    virtio::Chain& chain = chains_[held_];
    CC_ASSIGN_OR_RETURN(const bool popped, queue.Pop(&chain));
    if (!popped) return false;
    if (chain.writable_size < kHeaderSize) {
      return absl::InvalidArgumentError(
          StrCat("the guest's driver gave a receive buffer of ", chain.writable_size, " bytes"));
    }
    ++held_;
    capacity_ += chain.writable_size;
  }
  Write(queue);
  return true;
}

void Receiver::Write(virtio::Virtqueue& queue) {
  used_.clear();
  size_t count = 0;
  for (size_t room = 0; room < size_; ++count) room += chains_[count].writable_size;
  FrameHeader header;
  std::memcpy(&header, frame_.data(), sizeof(header));
  header.buffers = static_cast<uint16_t>(count);
  std::memcpy(frame_.data(), &header, sizeof(header));
  std::span<const std::byte> rest = std::span(frame_).first(size_);
  for (size_t i = 0; i < count; ++i) {
    const virtio::Chain& chain = chains_[i];
    const size_t n = virtio::CopyToGuest(rest, chain.writable);
    rest = rest.subspan(n);
    used_.push_back({chain.head, static_cast<uint32_t>(n)});
    capacity_ -= chain.writable_size;
  }
  queue.Push(used_);
  // What is left was collected for a frame that was dropped.
  std::rotate(chains_.begin(), chains_.begin() + static_cast<long>(count),
              chains_.begin() + static_cast<long>(held_));
  held_ -= count;
  size_ = 0;
}

void Receiver::Abandon(virtio::Virtqueue& queue) {
  for (; held_ > 0; --held_) queue.Unpop();
  Clear();
}

}  // namespace cc::vmm::net
