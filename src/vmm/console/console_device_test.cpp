// SPDX-License-Identifier: Apache-2.0
#include "vmm/console/console_device.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <random>
#include <string>

#include "vmm/virtio/test_driver.h"

namespace cc::vmm {
namespace {

using virtio::kNext;
using virtio::kWrite;
using virtio::TestMemory;
using virtio::TestRing;

constexpr size_t kTransmit = 1;
constexpr uint64_t kData = TestMemory::kBase + 0x1000;

class ConsoleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> pipe;
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reader_.reset(pipe[0]);
    loop_ = *EventLoop::Create();
    device_.emplace(loop_.get(), UniqueFd(pipe[1]));
    device_->StartQueue(kTransmit, *ring_.Open(), [this] { ++interrupts_; });
  }
  void Offer(std::string_view text) {
    memory_.PutText(kData, text);
    ring_.Describe(0, kData, static_cast<uint32_t>(text.size()), 0);
    ring_.Offer(0);
    device_->Kick(kTransmit);
    loop_->RunReady();
  }
  std::string Read() {
    std::string out(1 << 20, '\0');
    const ssize_t n = ::read(reader_.get(), out.data(), out.size());
    out.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return out;
  }

  TestMemory memory_{0x40000};
  TestRing ring_{&memory_, TestMemory::kBase, 8};
  UniqueFd reader_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<ConsoleDevice> device_;
  int interrupts_ = 0;
};

TEST_F(ConsoleTest, PrintsWhatTheGuestWrites) {
  Offer("hello ");
  EXPECT_EQ(Read(), "hello ");
  memory_.PutText(kData, "wor");
  memory_.PutText(kData + 0x100, "ld\n");
  ring_.Describe(2, kData, 3, kNext, 3);
  ring_.Describe(3, kData + 0x100, 3, 0);
  ring_.Offer(2);
  device_->Kick(kTransmit);
  EXPECT_EQ(Read(), "world\n");
  EXPECT_EQ(ring_.UsedIndex(), 2);
  EXPECT_EQ(interrupts_, 2);
}

TEST_F(ConsoleTest, WaitsForARateThatTheReaderSets) {
  const int size = ::fcntl(reader_.get(), F_SETPIPE_SZ, 4096);
  ASSERT_GT(size, 0);
  std::string text(0x20000, 'a');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i / 7 % 26);
  Offer(text);
  EXPECT_EQ(ring_.UsedIndex(), 0);
  std::string got;
  while (got.size() < text.size()) {
    const std::string more = Read();
    ASSERT_FALSE(more.empty());
    got += more;
    loop_->RunReady();
  }
  EXPECT_EQ(got, text);
  EXPECT_EQ(ring_.UsedIndex(), 1);
}

TEST_F(ConsoleTest, GuestGoesOnWhenTheReaderIsGone) {
  reader_.reset();
  Offer("nobody listens");
  EXPECT_EQ(ring_.UsedIndex(), 1);
  Offer("still");
  EXPECT_EQ(ring_.UsedIndex(), 2);
}

TEST_F(ConsoleTest, BrokenQueueIsLeftAlone) {
  ring_.Describe(0, 0x1000, 16, 0);
  ring_.Offer(0);
  device_->Kick(kTransmit);
  EXPECT_EQ(ring_.UsedIndex(), 0);
  EXPECT_FALSE(device_->StopQueue(kTransmit).has_value());
  device_->Kick(kTransmit);
}

TEST_F(ConsoleTest, SurvivesAHostileRing) {
  std::mt19937_64 random(7);
  int broken = 0, whole = 0;
  for (int life = 0; life < 1000; ++life) {
    device_->StopQueue(kTransmit);
    memory_.PutText(TestMemory::kBase, std::string(0x1000, '\0'));
    TestRing ring(&memory_, TestMemory::kBase, 8);
    device_->StartQueue(kTransmit, *ring.Open(), [] {});
    for (uint64_t i = 0, n = random() % 60; i < n; ++i) {
      const auto index = static_cast<uint16_t>(random() % 8);
      const bool wild = random() % 64 == 0;
      ring.Describe(index, wild ? random() : kData + random() % 0x8000,
                    static_cast<uint32_t>(wild ? random() : random() % 5000),
                    static_cast<uint16_t>(wild ? random() : random() % 2),
                    static_cast<uint16_t>(random() % 8));
      ring.Offer(wild ? static_cast<uint16_t>(random()) : index);
      device_->Kick(kTransmit);
      if (random() % 4 == 0) Read();
      loop_->RunReady();
    }
    ++(device_->StopQueue(kTransmit).has_value() ? whole : broken);
  }
  EXPECT_GT(whole, 100);
  EXPECT_GT(broken, 100);
  memory_.PutText(TestMemory::kBase, std::string(0x1000, '\0'));
  device_->StartQueue(kTransmit, *ring_.Open(), [] {});
  while (!Read().empty()) loop_->RunReady();
  Offer("alive");
  EXPECT_EQ(Read(), "alive");
}

}  // namespace
}  // namespace cc::vmm
