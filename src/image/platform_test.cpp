// SPDX-License-Identifier: Apache-2.0
#include "image/platform.h"

#include <gtest/gtest.h>

namespace cc::image {
namespace {

TEST(PlatformTest, OrdersCandidates) {
  const Platform arm{"linux", "arm64", "v8"}, amd{"linux", "amd64", ""};
  EXPECT_GT(MatchScore(arm, {"linux", "arm64", "v8"}), MatchScore(arm, {"linux", "arm64", ""}));
  EXPECT_GT(MatchScore(arm, {"linux", "arm64", ""}), 0);
  EXPECT_GT(MatchScore(amd, {"linux", "amd64", ""}), MatchScore(amd, {"linux", "amd64", "v1"}));
  EXPECT_GT(MatchScore(amd, {"linux", "amd64", "v1"}), 0);
}

TEST(PlatformTest, RefusesWhatMayNotRun) {
  const Platform arm{"linux", "arm64", "v8"}, amd{"linux", "amd64", ""};
  for (const Platform& other :
       {Platform{"linux", "arm", "v7"}, Platform{"windows", "arm64", "v8"}, Platform{},
        Platform{"unknown", "unknown", ""}, Platform{"linux", "arm64", "v9"}}) {
    EXPECT_EQ(MatchScore(arm, other), 0) << other.ToString();
  }
  EXPECT_EQ(MatchScore(amd, {"linux", "amd64", "v3"}), 0);
}

TEST(PlatformTest, TheHostRunsItsOwn) { EXPECT_GT(MatchScore(Platform::Host(), Platform::Host()), 0); }

}  // namespace
}  // namespace cc::image
