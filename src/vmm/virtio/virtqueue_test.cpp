// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/virtqueue.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "vmm/virtio/test_driver.h"

namespace cc::vmm::virtio {
namespace {

constexpr uint16_t kSize = 8;
constexpr uint64_t kRing = TestMemory::kBase;
constexpr uint64_t kData = TestMemory::kBase + 0x8000;
constexpr uint64_t kTable = TestMemory::kBase + 0x4000;

class VirtqueueTest : public ::testing::Test {
 protected:
  TestMemory memory_{64 << 10};
  TestRing ring_{&memory_, kRing, kSize};
  Chain chain_;
};

TEST_F(VirtqueueTest, TakesAChainOfReadableAndWritableBuffers) {
  ring_.Describe(3, kData, 44, kNext, 5);
  ring_.Describe(5, kData + 100, 10, kNext | kWrite, 1);
  ring_.Describe(1, kData + 200, 20, kWrite);
  ring_.Offer(3);
  Virtqueue queue = *ring_.Open();
  ASSERT_TRUE(*queue.Pop(&chain_));
  EXPECT_EQ(chain_.head, 3);
  EXPECT_EQ(chain_.readable_size, 44u);
  EXPECT_EQ(chain_.writable_size, 30u);
  ASSERT_EQ(chain_.writable.size(), 2u);
  EXPECT_EQ(chain_.writable[1].iov_base, memory_.At(kData + 200, 1).data());
  EXPECT_FALSE(*queue.Pop(&chain_));
  queue.Push(3, 30);
  EXPECT_EQ(ring_.UsedIndex(), 1);
  EXPECT_EQ(ring_.UsedHead(0), 3u);
  EXPECT_EQ(ring_.UsedLength(0), 30u);
}

// A disk's largest request: as many pieces as the queue has entries.
TEST_F(VirtqueueTest, TakesAnIndirectTableAsLongAsTheQueue) {
  for (uint16_t i = 0; i < kSize; ++i) {
    const bool last = i + 1 == kSize;
    ring_.DescribeIn(kTable, i, kData + i, 1, last ? 0 : kNext, static_cast<uint16_t>(i + 1));
  }
  ring_.Describe(0, kTable, 16 * kSize, kIndirect);
  ring_.Offer(0);
  Virtqueue queue = *ring_.Open({.indirect = true});
  ASSERT_TRUE(*queue.Pop(&chain_));
  EXPECT_EQ(chain_.readable_size, kSize);
}

TEST_F(VirtqueueTest, FollowsAnIndirectTable) {
  ring_.DescribeIn(kTable, 0, kData, 7, kNext, 2);
  ring_.DescribeIn(kTable, 2, kData + 50, 9, kWrite, 0);
  ring_.Describe(0, kTable, 48, kIndirect);
  ring_.Offer(0);
  Virtqueue queue = *ring_.Open({.indirect = true});
  ASSERT_TRUE(*queue.Pop(&chain_));
  EXPECT_EQ(chain_.readable_size, 7u);
  EXPECT_EQ(chain_.writable_size, 9u);
}

TEST_F(VirtqueueTest, GivesABufferBackAndTakesItAgain) {
  ring_.Describe(2, kData, 1, 0);
  ring_.Offer(2);
  Virtqueue queue = *ring_.Open();
  ASSERT_TRUE(*queue.Pop(&chain_));
  queue.Unpop();
  EXPECT_EQ(queue.next_available(), 0);
  ASSERT_TRUE(*queue.Pop(&chain_));
  EXPECT_EQ(chain_.head, 2);
}

TEST_F(VirtqueueTest, RunsThroughTheWrapOfItsIndices) {
  ring_.Describe(0, kData, 1, 0);
  Virtqueue queue = *ring_.Open();
  for (int i = 0; i < 70000; ++i) {
    ring_.Offer(0);
    ASSERT_TRUE(*queue.Pop(&chain_)) << i;
    queue.Push(0, 0);
  }
  EXPECT_EQ(ring_.UsedIndex(), static_cast<uint16_t>(70000));
}

TEST_F(VirtqueueTest, RefusesWhatADriverMustNotDo) {
  struct Case {
    const char* name;
    std::function<void(TestRing&)> prepare;
  };
  const Case kCases[] = {
      {"head out of range", [](TestRing& r) { r.Offer(kSize); }},
      {"next out of range",
       [](TestRing& r) {
         r.Describe(0, kData, 1, kNext, 999);
         r.Offer(0);
       }},
      {"loop",
       [](TestRing& r) {
         r.Describe(0, kData, 1, kNext, 1);
         r.Describe(1, kData, 1, kNext, 0);
         r.Offer(0);
       }},
      {"address outside of memory",
       [](TestRing& r) {
         r.Describe(0, 0x1000, 1, 0);
         r.Offer(0);
       }},
      {"end outside of memory",
       [](TestRing& r) {
         r.Describe(0, kData, 64 << 10, 0);
         r.Offer(0);
       }},
      {"address that wraps",
       [](TestRing& r) {
         r.Describe(0, UINT64_MAX, 2, 0);
         r.Offer(0);
       }},
      {"readable behind writable",
       [](TestRing& r) {
         r.Describe(0, kData, 1, kNext | kWrite, 1);
         r.Describe(1, kData, 1, 0);
         r.Offer(0);
       }},
      {"more buffers than the ring holds", [](TestRing& r) { r.SetAvailableIndex(kSize + 1); }},
      {"indirect table of odd size",
       [](TestRing& r) {
         r.Describe(0, kTable, 17, kIndirect);
         r.Offer(0);
       }},
      {"empty indirect table",
       [](TestRing& r) {
         r.Describe(0, kTable, 0, kIndirect);
         r.Offer(0);
       }},
      {"indirect table longer than the queue",
       [](TestRing& r) {
         r.Describe(0, kTable, 16 * (kSize + 1), kIndirect);
         r.Offer(0);
       }},
      {"indirect table outside of memory",
       [](TestRing& r) {
         r.Describe(0, 0x1000, 16, kIndirect);
         r.Offer(0);
       }},
      {"misaligned indirect table",
       [](TestRing& r) {
         r.Describe(0, kTable + 1, 16, kIndirect);
         r.Offer(0);
       }},
      {"indirect within indirect",
       [](TestRing& r) {
         r.DescribeIn(kTable, 0, kTable, 16, kIndirect, 0);
         r.Describe(0, kTable, 16, kIndirect);
         r.Offer(0);
       }},
      {"indirect with a next",
       [](TestRing& r) {
         r.DescribeIn(kTable, 0, kData, 1, 0, 0);
         r.Describe(0, kTable, 16, kIndirect | kNext, 1);
         r.Offer(0);
       }},
      {"loop in an indirect table",
       [](TestRing& r) {
         r.DescribeIn(kTable, 0, kData, 1, kNext, 0);
         r.Describe(0, kTable, 16, kIndirect);
         r.Offer(0);
       }},
  };
  for (const Case& c : kCases) {
    TestMemory memory(64 << 10);
    TestRing ring(&memory, kRing, kSize);
    c.prepare(ring);
    Virtqueue queue = *ring.Open({.indirect = true});
    EXPECT_FALSE(queue.Pop(&chain_).ok()) << c.name;
  }
}

TEST_F(VirtqueueTest, RefusesIndirectTablesThatWereNotNegotiated) {
  ring_.DescribeIn(kTable, 0, kData, 1, 0, 0);
  ring_.Describe(0, kTable, 16, kIndirect);
  ring_.Offer(0);
  Virtqueue queue = *ring_.Open();
  EXPECT_FALSE(queue.Pop(&chain_).ok());
}

TEST_F(VirtqueueTest, RefusesRingsThatCannotBe) {
  const auto open = [&](auto change) {
    Virtqueue::Layout layout = ring_.Layout();
    change(layout);
    return Virtqueue::Create(memory_.get(), layout, {}, 0).ok();
  };
  EXPECT_TRUE(open([](auto&) {}));
  EXPECT_FALSE(open([](auto& l) { l.size = 0; }));
  EXPECT_FALSE(open([](auto& l) { l.size = 6; }));
  EXPECT_FALSE(open([](auto& l) { l.size = 2048; }));
  EXPECT_FALSE(open([](auto& l) { l.used = {}; }));
  EXPECT_FALSE(open([](auto& l) { l.available = l.available.first(10); }));
  EXPECT_FALSE(open([&](auto& l) { l.descriptors = memory_.At(kRing + 8, 4096); }));
  EXPECT_FALSE(open([&](auto& l) { l.used = memory_.At(kRing + 0x1002, 4096); }));
}

TEST_F(VirtqueueTest, NotifiesUnlessTheDriverDeclined) {
  ring_.Describe(0, kData, 1, 0);
  Virtqueue queue = *ring_.Open();
  EXPECT_FALSE(queue.ShouldNotify());  // nothing was pushed
  queue.Push(0, 0);
  EXPECT_TRUE(queue.ShouldNotify());
  EXPECT_FALSE(queue.ShouldNotify());
  ring_.SetAvailableFlags(1);
  queue.Push(0, 0);
  EXPECT_FALSE(queue.ShouldNotify());
}

TEST_F(VirtqueueTest, NotifiesWhenTheEventIndexIsPassed) {
  Virtqueue queue = *ring_.Open({.event_index = true});
  ring_.SetUsedEvent(2);
  queue.Push(0, 0);
  queue.Push(0, 0);
  EXPECT_FALSE(queue.ShouldNotify());
  queue.Push(0, 0);
  EXPECT_TRUE(queue.ShouldNotify());
  queue.Push(0, 0);
  EXPECT_FALSE(queue.ShouldNotify());
}

TEST_F(VirtqueueTest, SaysWhetherBuffersCameBeforeKicksWereEnabled) {
  Virtqueue flags = *ring_.Open();
  flags.DisableKicks();
  EXPECT_EQ(ring_.UsedFlags(), 1);
  EXPECT_FALSE(flags.EnableKicks());
  EXPECT_EQ(ring_.UsedFlags(), 0);

  Virtqueue events = *ring_.Open({.event_index = true});
  ring_.Describe(0, kData, 1, 0);
  ring_.Offer(0);
  EXPECT_TRUE(events.EnableKicks());
  ASSERT_TRUE(*events.Pop(&chain_));
  EXPECT_FALSE(events.EnableKicks());
  EXPECT_EQ(ring_.AvailableEvent(), 1);
}

TEST_F(VirtqueueTest, BuffersPushedTogetherBecomeVisibleTogether) {
  Virtqueue queue = *ring_.Open();
  const UsedBuffer buffers[] = {{3, 100}, {1, 7}};
  queue.Push(buffers);
  EXPECT_EQ(ring_.UsedIndex(), 2);
  EXPECT_EQ(ring_.UsedHead(0), 3u);
  EXPECT_EQ(ring_.UsedLength(0), 100u);
  EXPECT_EQ(ring_.UsedHead(1), 1u);
  EXPECT_EQ(ring_.UsedLength(1), 7u);
  queue.Push(std::span<const UsedBuffer>());
  EXPECT_EQ(ring_.UsedIndex(), 2);
}

// Random rings: whatever they say, nothing outside of guest memory is handed out.
TEST(VirtqueueFuzzTest, NeverLeavesGuestMemory) {
  std::mt19937_64 random(20260101);
  TestMemory memory(64 << 10);
  const std::span<std::byte> all = memory.At(TestMemory::kBase, memory.size());
  Chain chain;
  size_t chains = 0, refused = 0;
  for (int round = 0; round < 100000; ++round) {
    TestRing ring(&memory, kRing, kSize);
    for (uint16_t i = 0; i < kSize; ++i) {
      // Mostly plausible values, so that the walk gets far.
      const uint64_t address = random() % 8 != 0 ? kRing + random() % memory.size() : random();
      const auto length = static_cast<uint32_t>(random() % 8 != 0 ? random() % 300 : random());
      const auto flags = static_cast<uint16_t>(random() % 8);
      ring.Describe(i, random() % 4 == 0 ? address & ~uint64_t{15} : address, length & ~15U, flags,
                    static_cast<uint16_t>(random() % (kSize + 1)));
    }
    ring.SetAvailableIndex(0);
    const size_t offered = 1 + random() % kSize;
    for (size_t i = 0; i < offered; ++i) ring.Offer(static_cast<uint16_t>(random() % (kSize + 1)));
    absl::StatusOr<Virtqueue> queue = ring.Open({.indirect = random() % 2 == 0, .event_index = true});
    ASSERT_TRUE(queue.ok());
    while (true) {
      const absl::StatusOr<bool> popped = queue->Pop(&chain);
      if (!popped.ok()) ++refused;
      if (!popped.ok() || !*popped) break;
      ++chains;
      for (const auto& pieces : {chain.readable, chain.writable}) {
        for (const iovec& piece : pieces) {
          const auto* start = static_cast<const std::byte*>(piece.iov_base);
          ASSERT_GE(start, all.data());
          ASSERT_LE(piece.iov_len, static_cast<size_t>(all.data() + all.size() - start));
        }
      }
      queue->Push(chain.head, 0);
      queue->ShouldNotify();
    }
  }
  // Both outcomes must have been tried often, or the test says nothing.
  EXPECT_GT(chains, 10000u);
  EXPECT_GT(refused, 10000u);
}

}  // namespace
}  // namespace cc::vmm::virtio
