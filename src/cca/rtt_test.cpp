// SPDX-License-Identifier: Apache-2.0
#include "cca/rtt.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace cc::cca {
namespace {

constexpr uint64_t kPage = 0x1000;
constexpr uint64_t k2M = 0x200000;
constexpr uint64_t k1G = 0x40000000;

using Entries = std::vector<std::pair<uint64_t, uint64_t>>;

Entries Init(RttModel& model, uint64_t base, uint64_t top) {
  Entries entries;
  model.InitRipas(base, top, [&](uint64_t from, uint64_t to) { entries.emplace_back(from, to); });
  return entries;
}

TEST(Rtt, StartLevelFollowsTheAddressBits) {
  const std::map<unsigned, int> levels = {{32, 2}, {33, 2}, {34, 2}, {35, 1}, {40, 1},
                                          {43, 1}, {44, 0}, {48, 0}, {52, 0}};
  for (const auto& [bits, level] : levels) EXPECT_EQ(RttModel(bits).start_level(), level) << bits;
}

TEST(Rtt, EmptyTreeIsSetInBlocksOf2MiB) {
  RttModel model(33);
  const Entries entries = Init(model, 0x80000000, 0x90000000);
  EXPECT_EQ(entries.size(), 128u);
  for (const auto& [from, to] : entries) EXPECT_EQ(to - from, k2M);
}

TEST(Rtt, RaggedEndsAreSetInPages) {
  RttModel model(33);
  const Entries entries = Init(model, k1G - 2 * kPage, k1G + k2M + 3 * kPage);
  const Entries expected = {{k1G - 2 * kPage, k1G - kPage},
                            {k1G - kPage, k1G},
                            {k1G, k1G + k2M},
                            {k1G + k2M, k1G + k2M + kPage},
                            {k1G + k2M + kPage, k1G + k2M + 2 * kPage},
                            {k1G + k2M + 2 * kPage, k1G + k2M + 3 * kPage}};
  EXPECT_EQ(entries, expected);
}

TEST(Rtt, LargerStepsWhereTheTreeStartsHigher) {
  RttModel small(34);
  EXPECT_EQ(Init(small, k1G, 3 * k1G).size(), 1024u);
  RttModel large(35);
  EXPECT_EQ(Init(large, k1G, 3 * k1G), (Entries{{k1G, 2 * k1G}, {2 * k1G, 3 * k1G}}));
  RttModel larger(48);
  EXPECT_EQ(Init(larger, k1G, 2 * k1G + k2M), (Entries{{k1G, 2 * k1G}, {2 * k1G, 2 * k1G + k2M}}));
}

TEST(Rtt, PopulatedPagesSplitTheirBlockAndAreLeftOut) {
  RttModel model(33);
  ASSERT_TRUE(model.Assign(0x80001000).ok());
  const Entries entries = Init(model, 0x80000000, 0x80400000);
  ASSERT_EQ(entries.size(), 511u + 1u);
  EXPECT_EQ(entries[0], std::make_pair(uint64_t{0x80000000}, uint64_t{0x80001000}));
  EXPECT_EQ(entries[1], std::make_pair(uint64_t{0x80002000}, uint64_t{0x80003000}));
  EXPECT_EQ(entries.back(), std::make_pair(uint64_t{0x80200000}, uint64_t{0x80400000}));
}

TEST(Rtt, PopulatedTwiceIsRefused) {
  RttModel model(33);
  EXPECT_TRUE(model.Assign(0x80000000).ok());
  EXPECT_FALSE(model.Assign(0x80000000).ok());
}

// Whatever was populated before: the entries are ascending, do not overlap, and cover the range without
// exactly the populated pages.
TEST(Rtt, CoversARangeExactlyOnce) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    RttModel model(static_cast<unsigned>(32 + random() % 8));
    const uint64_t base = k1G - (random() % 1024) * kPage;
    const uint64_t top = k1G + (1 + random() % 4096) * kPage;
    std::set<uint64_t> populated;
    for (int i = 0; i < 8; ++i) {
      const uint64_t page = base + (random() % ((top - base) / kPage)) * kPage;
      EXPECT_EQ(populated.insert(page).second, model.Assign(page).ok());
    }
    uint64_t at = base;
    uint64_t covered = 0;
    for (const auto& [from, to] : Init(model, base, top)) {
      for (; at < from; at += kPage) EXPECT_TRUE(populated.contains(at));
      EXPECT_EQ(at, from);
      EXPECT_EQ(from % (to - from), 0u);
      covered += to - from;
      at = to;
    }
    EXPECT_EQ(covered + populated.size() * kPage, top - base);
  }
}

}  // namespace
}  // namespace cc::cca
