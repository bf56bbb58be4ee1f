// SPDX-License-Identifier: Apache-2.0
// For tests: a network driver on rings in test memory, and a socket as the wire, whose messages are frames
// with their headers.
#ifndef CC_VMM_NET_TEST_NET_H_
#define CC_VMM_NET_TEST_NET_H_

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vmm/net/net_device.h"
#include "vmm/virtio/test_driver.h"

namespace cc::vmm::net {

class TestWire {
 public:
  TestWire() {
    std::array<int, 2> ends;
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }
  FramePort Port() {
    return {.fd = std::move(theirs_), .offloads = kOffloads, .set_features = [this](uint64_t features) {
              asked.push_back(features);
              return refusal;
            }};
  }
  bool Send(std::string_view frame, FrameHeader header = {}) {
    std::string message(reinterpret_cast<const char*>(&header), sizeof(header));
    message += frame;
    return SendRaw(message);
  }
  bool SendRaw(std::string_view message) {
    return ::send(ours_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0;
  }
  // The next message, header and all.
  std::optional<std::string> Receive() {
    std::string message(1 << 17, '\0');
    const ssize_t n = ::recv(ours_.get(), message.data(), message.size(), 0);
    if (n < 0) return std::nullopt;
    message.resize(static_cast<size_t>(n));
    return message;
  }
  int fd() const { return ours_.get(); }

  std::vector<uint64_t> asked;
  absl::Status refusal;

 private:
  UniqueFd ours_, theirs_;
};

struct TestNet {
  static constexpr uint16_t kRingSize = 64;
  static constexpr uint64_t kBase = virtio::TestMemory::kBase;
  static constexpr uint64_t kReceiveData = kBase + 0x10000, kTransmitData = kBase + 0x100000;
  static constexpr uint64_t kBufferBytes = 0x1000;

  TestNet() {
    device = *NetDevice::Create(
        loop.get(), {.name = "net0", .port = wire.Port(), .mac = {2, 0, 0, 0, 0, 9}, .mtu = 1400});
  }
  void Start(uint64_t features) {
    device->SetFeatures(features);
    StartQueue(NetDevice::kReceive, receive);
    StartQueue(NetDevice::kTransmit, transmit);
  }
  void StartQueue(size_t index, const virtio::TestRing& ring) {
    device->StartQueue(index, *ring.Open({.indirect = true, .event_index = true}),
                       [this, index] { ++interrupts[index]; });
  }
  static uint64_t BufferAt(uint16_t slot) { return kReceiveData + kBufferBytes * slot; }
  void OfferBuffer(uint16_t slot, uint32_t size = kBufferBytes) {
    receive.Describe(slot, BufferAt(slot), size, virtio::kWrite);
    receive.Offer(slot);
    device->Kick(NetDevice::kReceive);
  }
  // Header and frame in one descriptor.
  void Send(std::string_view frame, FrameHeader header = {}) {
    memory.Put(kTransmitData, header);
    memory.PutText(kTransmitData + kHeaderSize, frame);
    transmit.Describe(0, kTransmitData, static_cast<uint32_t>(kHeaderSize + frame.size()), 0);
    transmit.Offer(0);
    device->Kick(NetDevice::kTransmit);
  }

  virtio::TestMemory memory{2 << 20};
  virtio::TestRing receive{&memory, kBase, kRingSize};
  virtio::TestRing transmit{&memory, kBase + 0x2000, kRingSize};
  TestWire wire;
  std::unique_ptr<EventLoop> loop = *EventLoop::Create();
  std::unique_ptr<NetDevice> device;
  int interrupts[2] = {0, 0};
};

}  // namespace cc::vmm::net

#endif  // CC_VMM_NET_TEST_NET_H_
