// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/early_memory.h"

#include <gtest/gtest.h>

namespace cc::vmm::kvm {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kRam = 0x40000000;

std::vector<cca::Populate> Of(uint64_t ram_mib, uint64_t content_mib) {
  return EarlyMemory({.ram_base = kRam,
                      .ram_size = ram_mib * kMiB,
                      .content_end = kRam + content_mib * kMiB,
                      .initramfs_size = 20 * kMiB - 1,
                      .bounce_pool = 8 * kMiB});
}

TEST(EarlyMemory, IsBehindTheInitramfsAndAtTheEnd) {
  const std::vector<cca::Populate> early = Of(512, 30);
  ASSERT_EQ(early.size(), 2u);
  EXPECT_EQ(early[0].base, kRam + 30 * kMiB);
  EXPECT_GE(early[0].size, 20 * kMiB) << "what is unpacked has room";
  EXPECT_EQ(early[1].base + early[1].size, kRam + 512 * kMiB);
  EXPECT_GE(early[1].size, 512 * kMiB / 64 + 8 * kMiB) << "so have page structures and bounce pool";
  EXPECT_LT(early[0].base + early[0].size, early[1].base);
}

TEST(EarlyMemory, GrowsWithThePagesThatTheKernelKeepsBooksOf) {
  EXPECT_GE(Of(4096, 30)[1].size - Of(512, 30)[1].size, (4096 - 512) * kMiB / 64);
  EXPECT_EQ(Of(4096, 30)[0].size, Of(512, 30)[0].size);
  EXPECT_LE(Of(1 << 20, 30)[1].size, 128 * kMiB);
}

TEST(EarlyMemory, IsAllOfASmallGuestsMemory) {
  const std::vector<cca::Populate> early = Of(64, 30);
  ASSERT_EQ(early.size(), 1u);
  EXPECT_EQ(early[0].base, kRam + 30 * kMiB);
  EXPECT_EQ(early[0].size, 34 * kMiB);
  EXPECT_TRUE(Of(64, 64).empty());
}

// The host must not choose what the kernel finds there.
TEST(EarlyMemory, IsMeasuredZeros) {
  for (const cca::Populate& range : Of(512, 30)) {
    EXPECT_TRUE(range.measured);
    EXPECT_TRUE(range.content.empty());
    EXPECT_EQ(range.base % cca::kGranule, 0u);
    EXPECT_EQ(range.size % cca::kGranule, 0u);
  }
}

}  // namespace
}  // namespace cc::vmm::kvm
