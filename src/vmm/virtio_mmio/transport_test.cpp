// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio_mmio/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <future>
#include <optional>
#include <random>

#include "base/thread.h"
#include "vmm/virtio/test_driver.h"

namespace cc::vmm::virtio {
namespace {

using ::testing::ElementsAre;

// Returns each buffer at once, and remembers what was asked of it.
class EchoDevice : public Device {
 public:
  uint64_t DeviceFeatures() const override { return 1 << 5; }
  std::span<const std::byte> Config() const override { return config_; }
  size_t QueueCount() const override { return 2; }
  void StartQueue(size_t index, Virtqueue queue, std::function<void()> notify) override {
    started.push_back(index);
    queues_[index].emplace(std::move(queue));
    notify_ = std::move(notify);
  }
  std::optional<Virtqueue> StopQueue(size_t index) override {
    stopped.push_back(index);
    return std::exchange(queues_[index], std::nullopt);
  }
  void Kick(size_t index) override {
    Chain chain;
    while (queues_[index].has_value()) {
      const absl::StatusOr<bool> popped = queues_[index]->Pop(&chain);
      if (!popped.ok()) queues_[index].reset();
      if (!popped.ok() || !*popped) break;
      queues_[index]->Push(chain.head, 1);
    }
    notify_();
  }
  void SetFeatures(uint64_t taken) override { features = taken; }
  void Reset() override { ++resets; }

  std::vector<size_t> started, stopped;
  int resets = 0;
  uint64_t features = 0;

 private:
  std::array<std::byte, 3> config_ = {std::byte{0x11}, std::byte{0x22}, std::byte{0x33}};
  std::array<std::optional<Virtqueue>, 2> queues_;
  std::function<void()> notify_;
};

class TransportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    transport_ = *MmioTransport::Create({.name = "echo",
                                         .type = DeviceType::kRng,
                                         .device = &device_,
                                         .loop = loop_.get(),
                                         .memory = memory_.get(),
                                         .interrupt = [this] { ++interrupts_; }});
    thread_ = *Thread::Start("loop", [this] { loop_->Run(); });
  }
  void TearDown() override {
    loop_->Stop();
    thread_.Join();
    transport_.reset();
  }
  uint32_t Get(uint64_t offset) {
    uint32_t value = 0;
    transport_->Read(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void Set(uint64_t offset, uint32_t value) {
    transport_->Write(offset, std::as_bytes(std::span(&value, 1)));
  }
  void SetWide(uint64_t offset, uint64_t value) {
    Set(offset, static_cast<uint32_t>(value));
    Set(offset + 4, static_cast<uint32_t>(value >> 32));
  }
  void Negotiate(uint64_t features) {
    Set(0x70, 0);
    Set(0x70, 1);
    Set(0x70, 3);
    for (uint32_t page = 0; page < 2; ++page) {
      Set(0x24, page);
      Set(0x20, static_cast<uint32_t>(features >> (32 * page)));
    }
    Set(0x70, 11);
  }
  void SetQueue(uint32_t index, const TestRing& ring) {
    Set(0x30, index);
    Set(0x38, ring.size());
    SetWide(0x80, ring.descriptors());
    SetWide(0x90, ring.available());
    SetWide(0xa0, ring.used());
    Set(0x44, 1);
  }
  void Settle() {
    std::promise<void> done;
    loop_->Post([&] { done.set_value(); });
    done.get_future().wait();
  }

  static constexpr uint64_t kNeeded = kFeatureVersion1 | kFeatureAccessPlatform;
  TestMemory memory_{0x10000};
  TestRing ring_{&memory_, TestMemory::kBase, 8};
  EchoDevice device_;
  std::atomic<int> interrupts_ = 0;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<MmioTransport> transport_;
  Thread thread_;
};

TEST_F(TransportTest, SaysWhatItIs) {
  EXPECT_EQ(Get(0x00), 0x74726976u);
  EXPECT_EQ(Get(0x04), 2u);
  EXPECT_EQ(Get(0x08), 4u);
  Set(0x14, 0);
  EXPECT_EQ(Get(0x10), 1u << 5 | 1u << 28 | 1u << 29);
  Set(0x14, 1);
  EXPECT_EQ(Get(0x10), 0b11u);
  Set(0x14, 2);
  EXPECT_EQ(Get(0x10), 0u);
  Set(0x30, 1);
  EXPECT_EQ(Get(0x34), 256u);
  Set(0x30, 2);
  EXPECT_EQ(Get(0x34), 0u);
}

TEST_F(TransportTest, ConfigurationIsReadInAnyWidthAndEndsInZeros) {
  std::array<std::byte, 2> two{};
  transport_->Read(0x101, two);
  EXPECT_THAT(two, ElementsAre(std::byte{0x22}, std::byte{0x33}));
  EXPECT_EQ(Get(0x100), 0x00332211u);
  EXPECT_EQ(Get(0xffc), 0u);
}

TEST_F(TransportTest, BuffersGoThroughAndInterruptsAreAcknowledged) {
  Negotiate(kNeeded);
  EXPECT_EQ(Get(0x70), 11u);
  SetQueue(0, ring_);
  Set(0x70, 15);
  EXPECT_THAT(device_.started, ElementsAre(0));
  EXPECT_EQ(device_.features, kNeeded);
  ring_.Describe(0, TestMemory::kBase + 0x1000, 16, kWrite);
  ring_.Offer(0);
  Set(0x50, 0);
  Settle();
  EXPECT_EQ(ring_.UsedIndex(), 1);
  EXPECT_EQ(interrupts_, 1);
  EXPECT_EQ(Get(0x60), 1u);
  Set(0x64, 1);
  EXPECT_EQ(Get(0x60), 0u);
}

TEST_F(TransportTest, KvmsEventIsANotification) {
  Negotiate(kNeeded);
  SetQueue(1, ring_);
  Set(0x70, 15);
  ring_.Describe(0, TestMemory::kBase + 0x1000, 16, kWrite);
  ring_.Offer(0);
  ::eventfd_write(transport_->kick_fd(1), 1);
  while (interrupts_ == 0) Settle();
  EXPECT_EQ(ring_.UsedIndex(), 1);
}

TEST_F(TransportTest, RefusesFeaturesThatWereNotOfferedOrAreMissing) {
  for (const uint64_t features :
       {kNeeded | 1, uint64_t{kFeatureVersion1}, uint64_t{kFeatureAccessPlatform}, uint64_t{0}}) {
    Negotiate(features);
    EXPECT_EQ(Get(0x70), 3u);
    SetQueue(0, ring_);
    Set(0x70, 15);
    EXPECT_EQ(Get(0x70) & 4, 0u) << "a driver without agreed features must not start";
  }
  EXPECT_TRUE(device_.started.empty());
}

TEST_F(TransportTest, QueuesAreFrozenOnceTheDriverIsUp) {
  Negotiate(kNeeded);
  SetQueue(0, ring_);
  Set(0x70, 15);
  Set(0x30, 0);
  Set(0x44, 0);
  EXPECT_EQ(Get(0x44), 1u);
  SetWide(0x80, 0xdead0000);
  Set(0x38, 2);
  Set(0x20, 0);
  Set(0x70, 15);
  EXPECT_THAT(device_.started, ElementsAre(0)) << "started once";
  Set(0x30, 1);
  SetQueue(1, ring_);
  EXPECT_EQ(Get(0x44), 0u);
}

TEST_F(TransportTest, ResetStopsAndForgets) {
  Negotiate(kNeeded);
  SetQueue(0, ring_);
  Set(0x70, 15);
  const int before = device_.resets;
  Set(0x70, 0);
  EXPECT_THAT(device_.stopped, ElementsAre(0));
  EXPECT_EQ(device_.resets, before + 1);
  EXPECT_EQ(Get(0x70), 0u);
  Set(0x30, 0);
  EXPECT_EQ(Get(0x44), 0u);
  Set(0x50, 0);
  Settle();
  EXPECT_EQ(interrupts_, 0);
}

TEST_F(TransportTest, ImpossibleQueueNeedsAReset) {
  const TestRing outside(&memory_, TestMemory::kBase + 0xff00, 256);
  const TestRing misaligned(&memory_, TestMemory::kBase + 8, 8);
  for (const TestRing& ring : {outside, misaligned}) {
    Negotiate(kNeeded);
    SetQueue(0, ring);
    Set(0x70, 15);
    EXPECT_EQ(Get(0x70), 15u | 64u);
  }
  for (const uint32_t size : {0u, 3u, 512u, 0x10008u}) {
    Negotiate(kNeeded);
    Set(0x30, 0);
    Set(0x38, size);
    Set(0x44, 1);
    Set(0x70, 15);
    EXPECT_EQ(Get(0x70), 15u | 64u) << size;
  }
  EXPECT_TRUE(device_.started.empty());
  EXPECT_EQ(Get(0x60), 2u);
}

TEST_F(TransportTest, SurvivesAnyAccess) {
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::array<std::byte, 8> data;
    for (std::byte& byte : data) byte = static_cast<std::byte>(random());
    const size_t width = size_t{1} << random() % 4;
    const uint64_t offset = random() % 2 == 0 ? random() % 0x1000 : random() % 64 * 4;
    if (random() % 2 == 0) {
      transport_->Read(offset, std::span(data).first(width));
    } else {
      // Half of the status writes lead somewhere.
      if (offset == 0x70 && random() % 2 == 0) data = {std::byte{15}};
      transport_->Write(offset, std::span(data).first(width));
    }
  }
  Negotiate(kNeeded);
  SetQueue(0, ring_);
  Set(0x70, 15);
  EXPECT_EQ(Get(0x70), 15u);
}

}  // namespace
}  // namespace cc::vmm::virtio
