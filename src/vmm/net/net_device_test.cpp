// SPDX-License-Identifier: Apache-2.0
#include "vmm/net/net_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "vmm/net/test_net.h"

namespace cc::vmm::net {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using virtio::kNext;
using virtio::kWrite;

constexpr uint64_t kAll = kOffloads | kFeatureMergeBuffers | kFeatureMac | kFeatureMtu;

std::string Pattern(size_t size, size_t seed = 0) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + seed + i / 251) % 26);
  return text;
}
std::string HeaderText(const FrameHeader& header = {}) {
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header));
}

class NetDeviceTest : public ::testing::Test, protected TestNet {};

TEST_F(NetDeviceTest, DescribesItself) {
  EXPECT_EQ(device->DeviceFeatures(), kAll);
  uint16_t mtu;
  std::memcpy(&mtu, device->Config().data() + 10, 2);
  EXPECT_EQ(mtu, 1400);
  EXPECT_EQ(static_cast<uint8_t>(device->Config()[5]), 9);
  TestWire other;
  FramePort plain = other.Port();
  plain.offloads = 0;
  const auto made = *NetDevice::Create(loop.get(), {.port = std::move(plain)});
  EXPECT_EQ(made->DeviceFeatures(), kFeatureMac | kFeatureMergeBuffers);
}

TEST_F(NetDeviceTest, FrameReachesTheDriver) {
  Start(kAll);
  OfferBuffer(3);
  const FrameHeader header{.flags = 1, .checksum_start = 34, .checksum_offset = 6};
  ASSERT_TRUE(wire.Send(Pattern(700), header));
  loop->RunReady();
  ASSERT_EQ(receive.UsedIndex(), 1);
  EXPECT_EQ(receive.UsedHead(0), 3u);
  EXPECT_EQ(receive.UsedLength(0), 712u);
  const auto got = memory.Get<FrameHeader>(BufferAt(3));
  EXPECT_EQ(got.flags, 1);
  EXPECT_EQ(got.checksum_start, 34);
  EXPECT_EQ(got.buffers, 1);
  EXPECT_EQ(memory.GetText(BufferAt(3) + kHeaderSize, 700), Pattern(700));
  EXPECT_EQ(interrupts[NetDevice::kReceive], 1);
}

TEST_F(NetDeviceTest, LongFrameIsMergedFromSeveralBuffers) {
  Start(kAll);
  const std::string frame = Pattern(kMaxFrame);
  ASSERT_TRUE(wire.Send(frame));
  loop->RunReady();
  for (uint16_t i = 0; i < 17; ++i) {
    EXPECT_EQ(receive.UsedIndex(), 0) << "nothing before all of it can be there";
    OfferBuffer(i);
    loop->RunReady();
  }
  ASSERT_EQ(receive.UsedIndex(), 17);
  EXPECT_EQ(memory.Get<FrameHeader>(BufferAt(0)).buffers, 17);
  std::string got;
  for (uint16_t i = 0; i < 17; ++i) {
    EXPECT_EQ(receive.UsedHead(i), i);
    got += memory.GetText(BufferAt(i), receive.UsedLength(i));
  }
  EXPECT_EQ(got.substr(kHeaderSize), frame);
  EXPECT_EQ(interrupts[NetDevice::kReceive], 1);
}

TEST_F(NetDeviceTest, FrameStaysOnTheWireUntilThereIsABuffer) {
  Start(kAll);
  ASSERT_TRUE(wire.Send(Pattern(100)));
  ASSERT_TRUE(wire.Send(Pattern(100, 5)));
  loop->RunReady();
  device->StopQueue(NetDevice::kReceive);
  device->Reset();
  virtio::TestRing again(&memory, kBase + 0x4000, kRingSize);
  again.Describe(0, BufferAt(0), kBufferBytes, kWrite);
  again.Offer(0);
  StartQueue(NetDevice::kReceive, again);
  loop->RunReady();
  EXPECT_EQ(again.UsedIndex(), 1);
  EXPECT_EQ(memory.GetText(BufferAt(0) + kHeaderSize, 100), Pattern(100));
}

TEST_F(NetDeviceTest, WithoutMergingALongFrameIsDroppedAndItsBufferServesTheNext) {
  Start(kAll & ~kFeatureMergeBuffers);
  OfferBuffer(0);
  ASSERT_TRUE(wire.Send(Pattern(5000)));
  ASSERT_TRUE(wire.Send(Pattern(900)));
  loop->RunReady();
  ASSERT_EQ(receive.UsedIndex(), 1);
  EXPECT_EQ(receive.UsedLength(0), 912u);
  EXPECT_EQ(memory.Get<FrameHeader>(BufferAt(0)).buffers, 1);
  EXPECT_EQ(memory.GetText(BufferAt(0) + kHeaderSize, 900), Pattern(900));
}

TEST_F(NetDeviceTest, FrameThatNoBuffersCanHoldIsDropped) {
  Start(kAll);
  for (uint16_t i = 0; i < kRingSize; ++i) OfferBuffer(i, 100);
  ASSERT_TRUE(wire.Send(Pattern(kMaxFrame)));
  ASSERT_TRUE(wire.Send(Pattern(150)));
  loop->RunReady();
  EXPECT_EQ(receive.UsedIndex(), 2);
  EXPECT_EQ(memory.Get<FrameHeader>(BufferAt(0)).buffers, 2);
  EXPECT_EQ(memory.GetText(BufferAt(0) + kHeaderSize, 88) + memory.GetText(BufferAt(1), 62), Pattern(150));
  // The rest is as good as new.
  ASSERT_TRUE(wire.Send(Pattern(60, 3)));
  loop->RunReady();
  EXPECT_EQ(receive.UsedHead(2), 2u);
  EXPECT_EQ(memory.GetText(BufferAt(2) + kHeaderSize, 60), Pattern(60, 3));
}

TEST_F(NetDeviceTest, StoppedReceiveQueueHasItsBuffersBack) {
  Start(kAll);
  OfferBuffer(0, 100);
  OfferBuffer(1, 100);
  ASSERT_TRUE(wire.Send(Pattern(3000)));
  loop->RunReady();
  const auto queue = device->StopQueue(NetDevice::kReceive);
  ASSERT_TRUE(queue.has_value());
  EXPECT_EQ(queue->next_available(), 0);
}

TEST_F(NetDeviceTest, ReceiveBufferWithoutRoomForTheHeaderStopsTheQueue) {
  Start(kAll);
  OfferBuffer(0, 11);
  ASSERT_TRUE(wire.Send(Pattern(100)));
  loop->RunReady();
  EXPECT_FALSE(device->StopQueue(NetDevice::kReceive).has_value());
  EXPECT_TRUE(device->StopQueue(NetDevice::kTransmit).has_value());
}

TEST_F(NetDeviceTest, ManyFramesArriveInOrder) {
  Start(kAll);
  uint16_t seen = 0;
  for (uint16_t i = 0; i < kRingSize; ++i) OfferBuffer(i);
  for (size_t sent = 0; seen < 500;) {
    while (sent < 500 && wire.Send(Pattern(64, sent))) ++sent;
    loop->RunReady();
    ASSERT_NE(receive.UsedIndex(), seen);
    for (; seen != receive.UsedIndex(); ++seen) {
      const auto slot = static_cast<uint16_t>(receive.UsedHead(seen));
      ASSERT_EQ(memory.GetText(BufferAt(slot) + kHeaderSize, 64), Pattern(64, seen));
      OfferBuffer(slot);
    }
  }
}

TEST_F(NetDeviceTest, DriversFrameReachesTheWire) {
  Start(kAll);
  const FrameHeader header{.flags = 1,
                           .gso_type = kGsoTcp4,
                           .header_length = 54,
                           .gso_size = 1448,
                           .checksum_start = 34,
                           .checksum_offset = 16,
                           .buffers = 9};
  FrameHeader sent = header;
  sent.buffers = 0;
  const std::string frame = Pattern(60000);
  memory.Put(kTransmitData, header);
  memory.PutText(kTransmitData + 0x100, frame);
  // Header in two pieces, the frame in three.
  transmit.Describe(0, kTransmitData, 5, kNext, 1);
  transmit.Describe(1, kTransmitData + 5, 7, kNext, 2);
  transmit.Describe(2, kTransmitData + 0x100, 1, kNext, 3);
  transmit.Describe(3, kTransmitData + 0x101, 40000, kNext, 4);
  transmit.Describe(4, kTransmitData + 0x101 + 40000, 19999, 0);
  transmit.Offer(0);
  device->Kick(NetDevice::kTransmit);
  EXPECT_THAT(wire.Receive(), Optional(HeaderText(sent) + frame));
  EXPECT_EQ(transmit.UsedIndex(), 1);
  EXPECT_EQ(transmit.UsedLength(0), 0u);
}

TEST_F(NetDeviceTest, FramesThatMustNotLeaveAreDropped) {
  Start(kAll & ~kFeatureHostTso6);
  Send(Pattern(13));
  Send(Pattern(kMaxFrame + 1));
  Send(Pattern(100), {.flags = 1, .checksum_start = 99, .checksum_offset = 0});
  Send(Pattern(100), {.flags = 1, .gso_type = kGsoTcp6, .gso_size = 9});
  Send(Pattern(100), {.gso_type = 0x77});
  transmit.Describe(0, kTransmitData, 500, kWrite);
  transmit.Offer(0);
  device->Kick(NetDevice::kTransmit);
  EXPECT_EQ(transmit.UsedIndex(), 6);
  EXPECT_FALSE(wire.Receive().has_value());
  Send(Pattern(14));
  EXPECT_THAT(wire.Receive(), Optional(HeaderText() + Pattern(14)));
}

TEST_F(NetDeviceTest, FramesWaitInTheQueueForAFullWire) {
  Start(kAll);
  for (int i = 0; i < 60; ++i) Send(Pattern(60000));
  EXPECT_LT(transmit.UsedIndex(), 60);
  int received = 0;
  while (received < 60) {
    while (wire.Receive().has_value()) ++received;
    loop->RunReady();
  }
  EXPECT_EQ(transmit.UsedIndex(), 60);
}

TEST_F(NetDeviceTest, PortIsToldTheDriversFeaturesAndMayRefuse) {
  device->SetFeatures(kAll);
  EXPECT_THAT(wire.asked, ElementsAre(kAll));
  wire.refusal = absl::InternalError("no");
  Start(0);
  OfferBuffer(0);
  ASSERT_TRUE(wire.Send(Pattern(100)));
  loop->RunReady();
  EXPECT_EQ(receive.UsedIndex(), 0);
  EXPECT_FALSE(device->StopQueue(NetDevice::kReceive).has_value());
}

TEST_F(NetDeviceTest, ShortMessagesAndAClosedWireAreHarmless) {
  Start(kAll);
  OfferBuffer(0);
  ASSERT_TRUE(wire.SendRaw("x"));
  ASSERT_TRUE(wire.SendRaw(std::string(25, 'x')));
  loop->RunReady();
  EXPECT_EQ(receive.UsedIndex(), 0);
  ::shutdown(wire.fd(), SHUT_RDWR);
  loop->RunReady();
  Send(Pattern(100));
  EXPECT_EQ(transmit.UsedIndex(), 1);
}

}  // namespace
}  // namespace cc::vmm::net
