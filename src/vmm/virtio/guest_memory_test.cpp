// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/guest_memory.h"

#include <gtest/gtest.h>

#include "vmm/virtio/test_driver.h"

namespace cc::vmm::virtio {
namespace {

constexpr size_t kSize = 64 << 10;

TEST(GuestMemoryTest, RefusesImpossibleRegions) {
  const UniqueFd file = SealedMemfd(kSize);
  const struct {
    const char* name;
    MemoryRegion region;
  } kCases[] = {
      {"empty", {.guest_address = 0, .size = 0, .fd = file.get()}},
      {"beyond the file", {.guest_address = 0, .size = kSize + 4096, .fd = file.get()}},
      {"offset beyond the file", {.guest_address = 0, .size = kSize, .fd = file.get(), .fd_offset = 4096}},
      {"wraps around", {.guest_address = UINT64_MAX - 4095, .size = kSize, .fd = file.get()}},
      {"offset wraps", {.guest_address = 0, .size = kSize, .fd = file.get(), .fd_offset = UINT64_MAX - 4095}},
      {"user address wraps",
       {.guest_address = 0, .size = kSize, .user_address = UINT64_MAX - 1, .fd = file.get()}},
      {"misaligned", {.guest_address = 1, .size = kSize, .fd = file.get()}},
      {"misaligned offset", {.guest_address = 0, .size = 4096, .fd = file.get(), .fd_offset = 1}},
      {"no file", {.guest_address = 0, .size = kSize, .fd = -1}},
  };
  for (const auto& c : kCases) EXPECT_FALSE(GuestMemory::Map(std::span(&c.region, 1)).ok()) << c.name;
  EXPECT_FALSE(GuestMemory::Map({}).ok());
}

TEST(GuestMemoryTest, RefusesAFileThatCouldShrink) {
  const UniqueFd file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(file.get(), kSize), 0);
  const MemoryRegion region{.guest_address = 0, .size = kSize, .fd = file.get()};
  const auto memory = GuestMemory::Map(std::span(&region, 1));
  ASSERT_FALSE(memory.ok());
  EXPECT_NE(memory.status().message().find("seal"), absl::string_view::npos);
}

TEST(GuestMemoryTest, RefusesOverlappingRegions) {
  const UniqueFd file = SealedMemfd(kSize);
  const MemoryRegion regions[] = {{.guest_address = 0x10000, .size = kSize, .fd = file.get()},
                                  {.guest_address = 0x11000, .size = 4096, .fd = file.get()}};
  EXPECT_FALSE(GuestMemory::Map(regions).ok());
}

class TwoRegionsTest : public ::testing::Test {
 protected:
  // Two neighbours in guest addresses, exchanged in the file, and a hole behind them.
  void SetUp() override {
    file_ = SealedMemfd(kSize);
    const MemoryRegion regions[] = {
        {.guest_address = 0x1000,
         .size = 0x1000,
         .user_address = 0xa000,
         .fd = file_.get(),
         .fd_offset = 0x1000},
        {.guest_address = 0x2000, .size = 0x1000, .user_address = 0x5000, .fd = file_.get(), .fd_offset = 0}};
    memory_ = *GuestMemory::Map(regions);
  }
  UniqueFd file_;
  std::shared_ptr<const GuestMemory> memory_;
};

TEST_F(TwoRegionsTest, TranslatesAcrossNeighbours) {
  std::vector<iovec> pieces;
  ASSERT_TRUE(memory_->Translate(0x1ff0, 0x20, &pieces));
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].iov_len, 0x10u);
  EXPECT_EQ(pieces[1].iov_len, 0x10u);
  EXPECT_EQ(pieces[1].iov_base, memory_->TranslateUser(0x5000, 1).data());
}

TEST_F(TwoRegionsTest, RefusesWhatIsNotAllMemory) {
  std::vector<iovec> pieces;
  EXPECT_FALSE(memory_->Translate(0xfff, 2, &pieces));
  EXPECT_FALSE(memory_->Translate(0x2fff, 2, &pieces));
  EXPECT_FALSE(memory_->Translate(0x3000, 1, &pieces));
  EXPECT_FALSE(memory_->Translate(UINT64_MAX, 2, &pieces));
  EXPECT_FALSE(memory_->Translate(0x1000, UINT64_MAX, &pieces));
  EXPECT_TRUE(memory_->TranslateOne(0x1ff0, 0x20).empty());
  EXPECT_TRUE(memory_->TranslateOne(0x1000, UINT64_MAX).empty());
  EXPECT_TRUE(memory_->TranslateUser(0xafff, 2).empty());
  EXPECT_TRUE(memory_->TranslateUser(0x4fff, 1).empty());
  EXPECT_EQ(memory_->TranslateUser(0xa000, 0x1000).size(), 0x1000u);
}

TEST_F(TwoRegionsTest, ReleasedPagesKeepTheirContent) {
  std::span<std::byte> place = memory_->TranslateOne(0x1800, 4);
  std::memcpy(place.data(), "kept", 4);
  memory_->ReleasePages();
  EXPECT_EQ(std::memcmp(place.data(), "kept", 4), 0);
}

TEST(GuestMemory, SharedBitOfARealmIsIgnored) {
  constexpr uint64_t kShared = uint64_t{1} << 32;
  const UniqueFd fd = SealedMemfd(0x4000);
  const MemoryRegion region{.guest_address = 0x40000000, .size = 0x4000, .fd = fd.get()};
  const auto memory = GuestMemory::Map(std::span(&region, 1), kShared).value();
  const std::span<std::byte> page = memory->TranslateOne(0x40001000, 0x1000);
  ASSERT_EQ(page.size(), 0x1000u);
  EXPECT_EQ(memory->TranslateOne(0x40001000 | kShared, 0x1000).data(), page.data());
  std::vector<iovec> pieces;
  EXPECT_TRUE(memory->Translate(0x40003fff | kShared, 1, &pieces));
  EXPECT_FALSE(memory->Translate(0x40003fff | kShared, 2, &pieces));
  EXPECT_FALSE(memory->Translate(0x40003fff | kShared << 1, 1, &pieces));
}

TEST(GuestMemory, DiscardedPagesReadAsZeros) {
  const auto memory = GuestMemory::Allocate(0x40000000, 0x4000).value();
  const std::span<std::byte> all = memory->TranslateOne(0x40000000, 0x4000);
  all[0] = all[0x1000] = all[0x2000] = std::byte{1};
  EXPECT_TRUE(memory->Discard(0x40001000, 0x1000).ok());
  EXPECT_EQ(all[0], std::byte{1});
  EXPECT_EQ(all[0x1000], std::byte{0});
  EXPECT_EQ(all[0x2000], std::byte{1});
  memory->ReleasePages();
  EXPECT_EQ(all[0], std::byte{1});
  EXPECT_FALSE(memory->Discard(0x40001800, 0x1000).ok());
  EXPECT_FALSE(memory->Discard(0x40003000, 0x2000).ok());
  EXPECT_FALSE(GuestMemory::Allocate(0x40000000, 0x1800).ok());
}

}  // namespace
}  // namespace cc::vmm::virtio
