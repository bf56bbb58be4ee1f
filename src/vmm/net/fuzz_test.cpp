// SPDX-License-Identifier: Apache-2.0
// A guest with random rings, buffers and headers, on a wire with random frames: the device must not crash,
// and what it lets out is a frame that the kernel may see.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "vmm/net/test_net.h"

namespace cc::vmm::net {
namespace {

constexpr int kSteps = 50000;

class Fuzzer {
 public:
  Fuzzer(std::mt19937_64& random, uint64_t features) : random_(random), features_(features) {
    net_.Start(features);
  }

  void Step() {
    switch (random_() % 4) {
      case 0:
        return Buffer();
      case 1:
        return Frame();
      case 2:
        net_.wire.SendRaw(std::string(random_() % (Rarely() ? 65570 : 3000), 'w'));
        break;
      default:
        net_.loop->RunReady();
        while (const std::optional<std::string> got = net_.wire.Receive()) Check(*got);
    }
  }
  bool broken() const { return broken_; }
  size_t sent() const { return sent_; }
  size_t received() const { return net_.receive.UsedIndex(); }

 private:
  bool Rarely() { return random_() % 16 == 0; }
  uint16_t Slot() { return static_cast<uint16_t>(random_() % TestNet::kRingSize); }
  // One address in a thousand breaks the queue for good.
  uint64_t Address() {
    if (random_() % 1000 == 0) {
      broken_ = true;
      return random_();
    }
    return TestNet::kReceiveData + random_() % 0x100000;
  }

  void Buffer() {
    const uint16_t slot = Slot();
    net_.receive.Describe(slot, Address(), static_cast<uint32_t>(Rarely() ? random_() % 100 : 1526),
                          random_() % 200 == 0 ? static_cast<uint16_t>(random_() % 8) : virtio::kWrite,
                          Slot());
    net_.receive.Offer(slot);
    net_.device->Kick(NetDevice::kReceive);
  }
  void Frame() {
    FrameHeader header{.flags = static_cast<uint8_t>(random_() % 3),
                       .gso_type = static_cast<uint8_t>(random_() % 6)};
    header.header_length = static_cast<uint16_t>(random_() % 100);
    header.gso_size = static_cast<uint16_t>(random_() % 1500);
    header.checksum_start = static_cast<uint16_t>(Rarely() ? random_() : random_() % 100);
    header.checksum_offset = static_cast<uint16_t>(Rarely() ? random_() : random_() % 20);
    net_.memory.Put(TestNet::kTransmitData, header);
    net_.transmit.Describe(0, TestNet::kTransmitData, static_cast<uint32_t>(random_() % 20),
                           Rarely() ? 0 : virtio::kNext, 1);
    net_.transmit.Describe(1, Address(),
                           static_cast<uint32_t>(Rarely() ? random_() % 70000 : random_() % 2000),
                           random_() % 200 == 0 ? static_cast<uint16_t>(random_() % 8) : 0, Slot());
    net_.transmit.Offer(0);
    net_.device->Kick(NetDevice::kTransmit);
  }
  void Check(const std::string& message) {
    ASSERT_GE(message.size(), kHeaderSize + kMinFrame);
    ASSERT_LE(message.size(), kHeaderSize + kMaxFrame);
    FrameHeader header;
    std::memcpy(&header, message.data(), sizeof(header));
    FrameHeader again = header;
    ASSERT_TRUE(AcceptHeader(&again, message.size() - kHeaderSize, features_));
    ASSERT_EQ(std::memcmp(&again, &header, sizeof(header)), 0);
    ++sent_;
  }

  std::mt19937_64& random_;
  const uint64_t features_;
  TestNet net_;
  size_t sent_ = 0;
  bool broken_ = false;
};

TEST(NetFuzz, SurvivesAHostileGuestAndWire) {
  std::mt19937_64 random(17);
  size_t sent = 0, received = 0, lives = 0;
  for (int step = 0; step < kSteps; ++lives) {
    Fuzzer fuzzer(random, random() & (kOffloads | kFeatureMergeBuffers));
    for (int i = 0; i < 3000 && !fuzzer.broken(); ++i, ++step) fuzzer.Step();
    sent += fuzzer.sent();
    received += fuzzer.received();
  }
  EXPECT_GT(sent, 1000u);
  EXPECT_GT(received, 1000u);
  EXPECT_GT(lives, 20u);
}

}  // namespace
}  // namespace cc::vmm::net
