// SPDX-License-Identifier: Apache-2.0
// Brings frames into the guest's receive buffers, one at a time. A frame that was taken from the wire waits
// here until the driver has given enough buffers for it.
#ifndef CC_VMM_NET_RECEIVER_H_
#define CC_VMM_NET_RECEIVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm/net/frame.h"
#include "vmm/virtio/virtqueue.h"

namespace cc::vmm::net {

class Receiver {
 public:
  // Buffers that one frame may need. Drivers give whole packets' (1.5 KiB) at least.
  static constexpr size_t kMaxBuffers = 64;

  // Where to read the next frame to, with its header; then Loaded with its size. A frame that is there is
  // lost.
  std::span<std::byte> room() { return frame_; }
  void Loaded(size_t size) { size_ = size; }
  bool loaded() const { return size_ > 0; }
  bool holds_buffers() const { return held_ > 0; }

  // Puts the frame into buffers of `queue`, merged ones when `merge`, or drops it when no buffer of this
  // driver can hold it. False when it waits for more buffers. An error when the driver broke the rules.
  absl::StatusOr<bool> Deliver(virtio::Virtqueue& queue, bool merge);

  // Gives the buffers back that a frame has collected, and forgets the frame.
  void Abandon(virtio::Virtqueue& queue);
  // The same where there is no queue any more.
  void Clear() { size_ = held_ = capacity_ = 0; }

 private:
  void Write(virtio::Virtqueue& queue);

  std::array<std::byte, kHeaderSize + kMaxFrame> frame_;
  size_t size_ = 0;                    // of the frame with its header; 0 = there is none
  std::vector<virtio::Chain> chains_;  // the first `held_` are the driver's
  size_t held_ = 0;
  size_t capacity_ = 0;
  std::vector<virtio::UsedBuffer> used_;
};

}  // namespace cc::vmm::net

#endif  // CC_VMM_NET_RECEIVER_H_
