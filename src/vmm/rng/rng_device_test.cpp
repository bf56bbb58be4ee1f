// SPDX-License-Identifier: Apache-2.0
#include "vmm/rng/rng_device.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

#include "vmm/virtio/test_driver.h"

namespace cc::vmm {
namespace {

using virtio::kNext;
using virtio::kWrite;
using virtio::TestMemory;
using virtio::TestRing;

constexpr uint64_t kData = TestMemory::kBase + 0x4000;

class RngTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    device_.emplace(loop_.get());
    Start();
  }
  void Start() {
    ring_.emplace(&memory_, TestMemory::kBase, 64);
    memory_.PutText(TestMemory::kBase, std::string(0x800, '\0'));
    device_->StartQueue(0, *ring_->Open({.indirect = true, .event_index = false}), [this] { ++interrupts_; });
  }
  void Settle() {
    device_->Kick(0);
    loop_->RunReady();
  }

  TestMemory memory_{0x10000};
  std::optional<TestRing> ring_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<RngDevice> device_;
  int interrupts_ = 0;
};

TEST_F(RngTest, FillsAllPiecesOfABuffer) {
  ring_->Describe(0, kData, 16, kNext | kWrite, 1);
  ring_->Describe(1, kData + 0x100, 16, kWrite);
  ring_->Offer(0);
  Settle();
  EXPECT_EQ(ring_->UsedIndex(), 1);
  EXPECT_EQ(ring_->UsedLength(0), 32u);
  EXPECT_EQ(interrupts_, 1);
  const std::string first = memory_.GetText(kData, 16), second = memory_.GetText(kData + 0x100, 16);
  EXPECT_NE(first, second);
  EXPECT_NE(first, std::string(16, '\0'));
  EXPECT_EQ(memory_.GetText(kData + 16, 16), std::string(16, '\0'));
}

TEST_F(RngTest, GivesABoundedAmountForEachBuffer) {
  ring_->Describe(0, kData, 0x8000, kWrite);
  ring_->Offer(0);
  Settle();
  EXPECT_EQ(ring_->UsedLength(0), RngDevice::kMaxBytes);
  EXPECT_EQ(memory_.GetText(kData + RngDevice::kMaxBytes, 0x4000), std::string(0x4000, '\0'));
}

TEST_F(RngTest, BufferThatCannotBeWrittenComesBackEmpty) {
  ring_->Describe(0, kData, 64, 0);
  ring_->Offer(0);
  Settle();
  EXPECT_EQ(ring_->UsedIndex(), 1);
  EXPECT_EQ(ring_->UsedLength(0), 0u);
}

TEST_F(RngTest, MoreBuffersThanABatchAreAllFilled) {
  for (uint16_t i = 0; i < 60; ++i) {
    ring_->Describe(i, kData + uint64_t{i} * 8, 8, kWrite);
    ring_->Offer(i);
  }
  Settle();
  EXPECT_EQ(ring_->UsedIndex(), 60);
}

TEST_F(RngTest, SurvivesAHostileRing) {
  std::mt19937_64 random(5);
  int lives = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto index = static_cast<uint16_t>(random() % 64);
    const bool wild = random() % 16 == 0;
    ring_->Describe(index, wild ? random() : kData + random() % 0x8000,
                    static_cast<uint32_t>(wild ? random() : random() % 5000),
                    static_cast<uint16_t>(wild ? random() : kWrite), static_cast<uint16_t>(random() % 70));
    ring_->Offer(wild ? static_cast<uint16_t>(random()) : index);
    Settle();
    if (!device_->StopQueue(0).has_value()) ++lives;
    Start();
  }
  EXPECT_GT(lives, 100) << "else nothing was broken";
  ring_->Describe(0, kData, 16, kWrite);
  ring_->Offer(0);
  Settle();
  EXPECT_EQ(ring_->UsedLength(0), 16u);
}

}  // namespace
}  // namespace cc::vmm
