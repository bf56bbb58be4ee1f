// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace cc {
namespace {

using ::testing::ElementsAre;

TEST(StrCat, TakesStringsViewsCharactersAndNumbers) {
  EXPECT_EQ(StrCat("a", std::string("b"), std::string_view("c"), 'd', -5, 18446744073709551615ULL),
            "abcd-518446744073709551615");
}

TEST(StrSplit, KeepsEmptyPieces) {
  EXPECT_THAT(StrSplit("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(StrSplit("", ','), ElementsAre(""));
}

TEST(SplitOnce, SplitsAtTheFirstSeparator) {
  const SplitPair pair = SplitOnce("k=v=w", '=');
  EXPECT_EQ(pair.first, "k");
  EXPECT_EQ(pair.second, "v=w");
  EXPECT_FALSE(SplitOnce("k", '=').found);
}

TEST(StrTrim, RemovesWhiteSpaceAtBothEnds) {
  EXPECT_EQ(StrTrim(" \ta b\r\n"), "a b");
  EXPECT_EQ(StrTrim(" \n"), "");
}

TEST(ParseNumber, TakesOnlyAWholeNumberInRange) {
  uint16_t value = 0;
  EXPECT_TRUE(ParseNumber("65535", &value));
  EXPECT_EQ(value, 65535);
  for (const char* bad : {"", "65536", "-1", "+1", " 1", "1 ", "1x", "0x1"}) {
    EXPECT_FALSE(ParseNumber(bad, &value)) << bad;
  }
}

}  // namespace
}  // namespace cc
