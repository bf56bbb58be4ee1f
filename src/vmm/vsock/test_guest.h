// SPDX-License-Identifier: Apache-2.0
// For tests: a guest's vsock driver on rings in test memory, able to send any packet.
#ifndef CC_VMM_VSOCK_TEST_GUEST_H_
#define CC_VMM_VSOCK_TEST_GUEST_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/virtio/test_driver.h"
#include "vmm/vsock/device.h"
#include "vmm/vsock/packet.h"

namespace cc::vmm::vsock {

struct Packet {
  PacketHeader header;
  std::string payload;
};

class TestGuest {
 public:
  static constexpr uint64_t kCid = 3;
  static constexpr size_t kReceive = 0, kTransmit = 1;
  static constexpr uint16_t kRingSize = 16;
  static constexpr uint32_t kBufferSize = kHeaderSize + 4096;

  explicit TestGuest(VsockDevice* device) : device_(device) {}

  // Gives the device both queues, with `buffers` receive buffers in the first.
  void Start(uint16_t buffers = kRingSize) {
    for (uint16_t i = 0; i < buffers; ++i) OfferBuffer(i);
    StartQueue(kReceive, receive_);
    StartQueue(kTransmit, transmit_);
  }
  void StartQueue(size_t index, const virtio::TestRing& ring) {
    device_->StartQueue(index, *ring.Open({.indirect = true, .event_index = true}),
                        [this, index] { ++interrupts[index]; });
  }

  // Sends a packet; the header's length is filled in unless it is set.
  void Send(PacketHeader header, std::string_view payload = {}) {
    if (header.length == 0) header.length = static_cast<uint32_t>(payload.size());
    Queue(header, payload);
    device_->Kick(kTransmit);
  }
  void Queue(const PacketHeader& header, std::string_view payload) {
    const uint64_t at = kTransmitData;
    memory.Put(at, header);
    memory.PutText(at + kHeaderSize, payload);
    transmit_.Describe(0, at, kHeaderSize, virtio::kNext, 1);
    transmit_.Describe(1, at + kHeaderSize, static_cast<uint32_t>(payload.size()), 0);
    transmit_.Offer(0);
  }
  // A packet from `guest_port` to the host's `host_port`, with room for 64 KiB of answers.
  static PacketHeader Header(Operation operation, uint32_t guest_port, uint32_t host_port) {
    return {.source_cid = kCid,
            .target_cid = kHostCid,
            .source_port = guest_port,
            .target_port = host_port,
            .operation = operation,
            .buffer_size = 64 << 10};
  }

  // The next packet from the device; its buffer is offered again when `refill`.
  std::optional<Packet> Receive(bool refill = true) {
    if (receive_.UsedIndex() == seen_) return std::nullopt;
    const auto head = static_cast<uint16_t>(receive_.UsedHead(seen_));
    const uint32_t length = receive_.UsedLength(seen_);
    ++seen_;
    Packet packet{memory.Get<PacketHeader>(BufferAt(head)), ""};
    EXPECT_EQ(length, kHeaderSize + packet.header.length);
    packet.payload = memory.GetText(BufferAt(head) + kHeaderSize, packet.header.length);
    if (refill) OfferBuffer(head);
    return packet;
  }
  void OfferBuffer(uint16_t index) {
    receive_.Describe(index, BufferAt(index), kBufferSize, virtio::kWrite);
    receive_.Offer(index);
  }

  virtio::TestMemory memory{512 << 10};
  int interrupts[2] = {0, 0};
  virtio::TestRing& receive() { return receive_; }
  virtio::TestRing& transmit() { return transmit_; }

 private:
  static constexpr uint64_t kTransmitData = virtio::TestMemory::kBase + 0x10000;
  static constexpr uint64_t kReceiveData = virtio::TestMemory::kBase + 0x40000;
  static uint64_t BufferAt(uint16_t index) { return kReceiveData + uint64_t{0x2000} * index; }

  VsockDevice* const device_;
  virtio::TestRing receive_{&memory, virtio::TestMemory::kBase, kRingSize};
  virtio::TestRing transmit_{&memory, virtio::TestMemory::kBase + 0x2000, kRingSize};
  uint16_t seen_ = 0;
};

}  // namespace cc::vmm::vsock

#endif  // CC_VMM_VSOCK_TEST_GUEST_H_
