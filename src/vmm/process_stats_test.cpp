// SPDX-License-Identifier: Apache-2.0
#include "vmm/process_stats.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace cc::vmm {
namespace {

constexpr std::string_view kTail =
    " S 1 2 3 0 -1 4194560 5 0 6 0 250 50 0 0 20 0 3 0 999 123456 700 18446744073709551615 1 1 0\n";

TEST(ProcessStatsTest, ReadsTimesAndMemory) {
  const auto stats = ParseProcessStat(StrCat("42 (qemu-system-x86)", kTail), 4096, 100);
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->cpu_usec, 3000000u);
  EXPECT_EQ(stats->rss_bytes, 700u * 4096);
}

TEST(ProcessStatsTest, ANameMayLookLikeTheRest) {
  const auto stats = ParseProcessStat(StrCat("42 (a) R 9 9 (b)", kTail), 4096, 100);
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->rss_bytes, 700u * 4096);
}

TEST(ProcessStatsTest, RefusesEverythingElse) {
  for (const char* line : {"", "42", "42 (x", "42 (x)", "42 (x) ", "42 (x) S 1 2 3",
                           "42 (x) S 1 2 3 0 -1 4 5 0 6 0 a b 0 0 20 0 3 0 999 123456 c 1"}) {
    EXPECT_FALSE(ParseProcessStat(line, 4096, 100).ok()) << line;
  }
}

}  // namespace
}  // namespace cc::vmm
