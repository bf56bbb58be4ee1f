// SPDX-License-Identifier: Apache-2.0
// A guest that makes requests of random shape: the file of a read-only disk stays as it is, and nothing
// outside of guest memory is touched (the sanitizer builds watch that).
#include <gtest/gtest.h>

#include <random>

#include "vmm/block/block_device.h"
#include "vmm/block/test_requests.h"

namespace cc::vmm::block {
namespace {

constexpr int kRequests = 30000;

class Fuzzer {
 public:
  explicit Fuzzer(TestRequests* requests) : requests_(requests) {}

  // A well-formed request with up to three things wrong.
  void Mutate() {
    static constexpr RequestType kTypes[] = {RequestType::kIn, RequestType::kOut, RequestType::kFlush,
                                             RequestType::kGetId, RequestType::kDiscard};
    requests_->Put(0, kTypes[random_() % 5], random_() % 10, static_cast<uint32_t>(random_() % 5 * 512));
    for (uint64_t n = random_() % 4; n > 0; --n) Spoil();
  }
  uint64_t Random() { return random_(); }

 private:
  void Spoil() {
    const size_t index = random_() % 3;
    const uint64_t at = TestRequests::kBase + random_() % (1 << 20);
    switch (random_() % 6) {
      case 0:
        requests_->memory.Put<uint32_t>(TestRequests::HeaderAt(0), static_cast<uint32_t>(random_()));
        break;
      case 1:
        requests_->memory.Put<uint64_t>(TestRequests::HeaderAt(0) + 8, random_());
        break;
      case 2:
        requests_->ring.Describe(index, at, static_cast<uint32_t>(random_() % 4096),
                                 static_cast<uint16_t>(random_() % 4), static_cast<uint16_t>(random_() % 4));
        break;
      case 3:
        requests_->ring.Describe(index, at, 512, virtio::kNext | virtio::kWrite,
                                 static_cast<uint16_t>(index + 1));
        break;
      case 4:  // the status over the header, or in the middle of the data
        requests_->ring.Describe(2, random_() % 2 == 0 ? TestRequests::HeaderAt(0) : TestRequests::DataAt(0),
                                 1, virtio::kWrite);
        break;
      default:
        requests_->ring.Describe(index, random_(), static_cast<uint32_t>(random_()),
                                 static_cast<uint16_t>(random_() % 8), static_cast<uint16_t>(random_()));
    }
  }
  TestRequests* const requests_;
  std::mt19937_64 random_{2024};
};

TEST(BlockFuzz, RequestsOfAnyShape) {
  for (const bool read_only : {true, false}) {
    const TestDisk file;
    const std::string before = file.content();
    DiskFile disk = *file.Open(read_only, O_RDWR);
    TestRequests requests;
    Fuzzer fuzzer(&requests);
    int served = 0, fine = 0;
    for (int i = 0; i < kRequests; ++i) {
      fuzzer.Mutate();
      auto ring = virtio::TestRing(&requests.memory, TestRequests::kBase, TestRequests::kRingSize);
      ring.Offer(static_cast<uint16_t>(fuzzer.Random() % 3 == 0 ? fuzzer.Random() % 4 : 0));
      virtio::Virtqueue queue = *ring.Open({.indirect = true});
      virtio::Chain chain;
      if (!queue.Pop(&chain).ok()) continue;
      ++served;
      ASSERT_LE(disk.Serve(chain), chain.writable_size);
      fine += requests.Status(0) == 0 ? 1 : 0;
    }
    EXPECT_GT(served, kRequests / 3);
    EXPECT_GT(fine, kRequests / 20);
    EXPECT_EQ(file.content().size(), before.size());
    EXPECT_EQ(file.content() == before, read_only);
  }
}

TEST(BlockFuzz, DeviceWithItsThread) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the guest's races are the point here";
#endif
  const TestDisk file;
  auto loop = *EventLoop::Create();
  auto device = *BlockDevice::Create(loop.get(), file.Open(false), "fuzz");
  TestRequests requests;
  Fuzzer fuzzer(&requests);
  int stopped = 0, broken = 0;
  for (int life = 0; life < 300; ++life) {
    requests.memory.PutText(TestRequests::kBase, std::string(0x4000, '\0'));
    auto ring = virtio::TestRing(&requests.memory, TestRequests::kBase, TestRequests::kRingSize);
    device->StartQueue(0, *ring.Open({.indirect = true, .event_index = true}), [] {});
    // The guest changes its requests while they are executed.
    for (uint64_t i = 0, n = fuzzer.Random() % 30; i < n; ++i) {
      fuzzer.Mutate();
      if (fuzzer.Random() % 64 != 0) ring.Offer(0);
      device->Kick(0);
      if (fuzzer.Random() % 4 == 0) loop->RunReady();
    }
    ++(device->StopQueue(0).has_value() ? stopped : broken);
  }
  EXPECT_GT(stopped, 3);
  EXPECT_GT(broken, 50);
}

}  // namespace
}  // namespace cc::vmm::block
