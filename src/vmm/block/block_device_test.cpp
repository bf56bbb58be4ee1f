// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/block_device.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "vmm/block/test_requests.h"

namespace cc::vmm::block {
namespace {

constexpr uint8_t kOk = 0;

class BlockDeviceTest : public ::testing::Test {
 protected:
  void Make(bool read_only) {
    loop_ = *EventLoop::Create();
    device_ = *BlockDevice::Create(loop_.get(), file_.Open(read_only), "disk0");
    Start();
  }
  void Start() {
    device_->StartQueue(0, *requests_.ring.Open(), [this] { ++interrupts_; });
  }
  // Until the device has returned `count` buffers in all.
  void WaitForUsed(uint16_t count) {
    while (requests_.ring.UsedIndex() != count) {
      loop_->RunReady();
      std::this_thread::yield();
    }
  }

  TestDisk file_;
  TestRequests requests_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<BlockDevice> device_;
  int interrupts_ = 0;
};

TEST_F(BlockDeviceTest, DescribesItself) {
  Make(true);
  EXPECT_EQ(device_->DeviceFeatures(), 1u << 2 | 1u << 5);
  uint64_t capacity;
  std::memcpy(&capacity, device_->Config().data(), sizeof(capacity));
  EXPECT_EQ(capacity, TestDisk::kSectors);
  EXPECT_EQ(static_cast<uint8_t>(device_->Config()[12]), 254);
  Make(false);
  EXPECT_EQ(device_->DeviceFeatures(), 1u << 2 | 1u << 9);
}

TEST_F(BlockDeviceTest, RequestsAreReturnedInOrderWithAnInterrupt) {
  Make(false);
  requests_.PutData(0, std::string(512, 'N'));
  requests_.Put(0, RequestType::kOut, 2, 512);
  requests_.Put(3, RequestType::kFlush, 0, 0);
  requests_.Put(6, RequestType::kIn, 2, 512);
  for (uint16_t slot = 0; slot < 9; slot += 3) requests_.ring.Offer(slot);
  device_->Kick(0);
  WaitForUsed(3);
  for (uint16_t i = 0; i < 3; ++i) EXPECT_EQ(requests_.ring.UsedHead(i), i * 3u);
  EXPECT_EQ(requests_.ring.UsedLength(2), 513u);
  EXPECT_EQ(requests_.Data(6, 512), std::string(512, 'N'));
  EXPECT_GE(interrupts_, 1);
}

TEST_F(BlockDeviceTest, MoreRequestsThanItTakesAtOnceAreAllDone) {
  Make(true);
  constexpr uint16_t kCount = 85;  // as many as the ring has descriptors for
  static_assert(kCount > BlockDevice::kMaxInFlight);
  for (uint16_t i = 0; i < kCount; ++i) {
    requests_.Put(static_cast<uint16_t>(3 * i), RequestType::kIn, i % TestDisk::kSectors, 512);
    requests_.ring.Offer(static_cast<uint16_t>(3 * i));
  }
  device_->Kick(0);
  WaitForUsed(kCount);
  for (uint16_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(requests_.Status(static_cast<uint16_t>(3 * i)), kOk);
    EXPECT_EQ(requests_.Data(static_cast<uint16_t>(3 * i), 512), TestDisk::Sector(i % TestDisk::kSectors));
  }
}

TEST_F(BlockDeviceTest, StoppedQueueIsLeftInAPlaceToGoOnFrom) {
  Make(true);
  constexpr uint16_t kCount = 60;
  for (int round = 0; round < 50; ++round) {
    const uint16_t before = requests_.ring.UsedIndex();
    for (uint16_t i = 0; i < kCount; ++i) {
      requests_.Put(static_cast<uint16_t>(3 * i), RequestType::kIn, 1, 512);
      requests_.ring.Offer(static_cast<uint16_t>(3 * i));
    }
    device_->Kick(0);
    std::optional<virtio::Virtqueue> queue = device_->StopQueue(0);
    ASSERT_TRUE(queue.has_value());
    EXPECT_EQ(queue->next_available(), requests_.ring.UsedIndex()) << "taken means returned";
    EXPECT_FALSE(device_->StopQueue(0).has_value());
    loop_->RunReady();  // what was posted before must not find the queue
    device_->StartQueue(0, *std::move(queue), [] {});
    WaitForUsed(static_cast<uint16_t>(before + kCount));
  }
}

TEST_F(BlockDeviceTest, BrokenQueueIsLeftAlone) {
  Make(true);
  requests_.Put(0, RequestType::kIn, 1, 512);
  requests_.ring.Offer(0);
  requests_.ring.Describe(3, 0x1000, 16, 0);
  requests_.ring.Offer(3);
  device_->Kick(0);
  loop_->RunReady();
  EXPECT_FALSE(device_->StopQueue(0).has_value());
  device_->Kick(0);
}

TEST_F(BlockDeviceTest, GoesAwayWithRequestsInIt) {
  for (int i = 0; i < 30; ++i) {
    TestRequests requests;
    auto loop = *EventLoop::Create();
    auto device = *BlockDevice::Create(loop.get(), file_.Open(true), "disk0");
    device->StartQueue(0, *requests.ring.Open(), [] {});
    requests.Put(0, RequestType::kIn, 1, 512);
    for (int n = 0; n < 20; ++n) requests.ring.Offer(0);
    device->Kick(0);
    device.reset();
    loop->RunReady();
  }
}

}  // namespace
}  // namespace cc::vmm::block
