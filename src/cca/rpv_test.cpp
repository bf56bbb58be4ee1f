// SPDX-License-Identifier: Apache-2.0
#include "cca/rpv.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::cca {
namespace {

TEST(Rpv, PadsTheDigestWithZeros) {
  for (size_t size : {32u, 48u, 64u}) {
    const std::string digest(size, '\xab');
    const Rpv rpv = RpvOf(digest).value();
    for (size_t i = 0; i < rpv.size(); ++i) EXPECT_EQ(rpv[i], i < size ? 0xab : 0) << size << " " << i;
  }
}

TEST(Rpv, RefusesOtherSizes) {
  for (size_t size : {0u, 20u, 31u, 33u, 63u, 65u}) {
    EXPECT_EQ(RpvOf(std::string(size, 'x')).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
}

TEST(Rpv, MatchesOnlyThePaddedDigest) {
  const std::string digest(32, 'd');
  EXPECT_TRUE(RpvMatches(digest + std::string(32, '\0'), digest));
  EXPECT_FALSE(RpvMatches(digest, digest));
  EXPECT_FALSE(RpvMatches(digest + std::string(31, '\0') + "x", digest));
  EXPECT_FALSE(RpvMatches(std::string(64, '\0'), digest));
  EXPECT_FALSE(RpvMatches(std::string(64, '\0'), ""));
}

}  // namespace
}  // namespace cc::cca
