// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/rate_limit.h"

#include <gtest/gtest.h>

namespace cc::trustee {
namespace {

using std::chrono::milliseconds;

TEST(RateLimitTest, AllowsABurstThenTheRate) {
  RateLimit limit(10);
  RateLimit::Time now{};
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(limit.Allow("a", now)) << i;
  EXPECT_FALSE(limit.Allow("a", now));
  EXPECT_FALSE(limit.Allow("a", now + milliseconds(90)));
  EXPECT_TRUE(limit.Allow("a", now + milliseconds(200)));
}

TEST(RateLimitTest, AddressesDoNotShareABucket) {
  RateLimit limit(1);
  const RateLimit::Time now{};
  EXPECT_TRUE(limit.Allow("a", now));
  EXPECT_TRUE(limit.Allow("a", now));
  EXPECT_FALSE(limit.Allow("a", now));
  EXPECT_TRUE(limit.Allow("b", now));
}

TEST(RateLimitTest, ZeroIsNoLimit) {
  RateLimit limit(0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.Allow("a", RateLimit::Time{}));
}

}  // namespace
}  // namespace cc::trustee
