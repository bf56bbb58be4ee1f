// SPDX-License-Identifier: Apache-2.0
// Flow control of one stream (virtio 1.2, section 5.10.6.3): each side says how large its buffer is and how
// much it has consumed. All counters are modulo 2^32, and the guest's are not trusted.
#ifndef CC_VMM_VSOCK_CREDIT_H_
#define CC_VMM_VSOCK_CREDIT_H_

#include <cstdint>

#include "vmm/vsock/packet.h"

namespace cc::vmm::vsock {

// What we may still send to the guest.
class SendCredit {
 public:
  void Update(const PacketHeader& from_guest) {
    buffer_size_ = from_guest.buffer_size;
    consumed_ = from_guest.consumed;
  }
  void Sent(uint32_t bytes) { sent_ += bytes; }
  uint32_t Free() const {
    const uint32_t in_flight = sent_ - consumed_;
    return in_flight >= buffer_size_ ? 0 : buffer_size_ - in_flight;
  }

 private:
  uint32_t buffer_size_ = 0;
  uint32_t consumed_ = 0;
  uint32_t sent_ = 0;
};

// What the guest may still send to us.
class ReceiveCredit {
 public:
  static constexpr uint32_t kBufferSize = 256 << 10;

  // False when the guest sends more than it was allowed to.
  bool Received(uint32_t bytes) {
    if (bytes > kBufferSize - (received_ - consumed_)) return false;
    received_ += bytes;
    return true;
  }
  void Consumed(uint32_t bytes) { consumed_ += bytes; }

  // Writes our state into a packet; the guest knows it from then on.
  void Announce(PacketHeader* to_guest) {
    to_guest->buffer_size = kBufferSize;
    to_guest->consumed = consumed_;
    announced_ = consumed_;
  }
  // The guest believes that half of our buffer is full, and that is no longer true.
  bool ShouldAnnounce() const { return announced_ != consumed_ && received_ - announced_ >= kBufferSize / 2; }

 private:
  uint32_t received_ = 0;
  uint32_t consumed_ = 0;
  uint32_t announced_ = 0;
};

}  // namespace cc::vmm::vsock

#endif  // CC_VMM_VSOCK_CREDIT_H_
