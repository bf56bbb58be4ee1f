// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Decision Attested(const std::string& session, std::vector<std::string> reasons) {
  return {.session = session, .what = "attestation", .outcome = "warning", .reasons = std::move(reasons)};
}

class DecisionLogTest : public ::testing::Test {
 protected:
  DecisionLogTest() { log::Init({.level = log::Level::kError}); }
  ~DecisionLogTest() override { log::Init({}); }
  DecisionLog decisions_{[] { return int64_t{0}; }};
};

TEST_F(DecisionLogTest, KeepsTheAttestationWhenManyRequestsFollow) {
  decisions_.Record(Attested("s", {"first", "second"}));
  for (int i = 0; i < 100; ++i) {
    decisions_.Record({.session = "s", .what = StrCat("resource ", i), .outcome = "denied"});
  }
  EXPECT_THAT(decisions_.AttestationReasons("s"), ElementsAre("first", "second"));
  const json explanation = json::parse(*decisions_.Explain("s"));
  EXPECT_EQ(explanation["decisions"].size(), 16u);
  EXPECT_EQ(explanation["decisions"][0]["what"], "attestation");
  EXPECT_EQ(explanation["decisions"][15]["what"], "resource 99");
  EXPECT_THAT(explanation["text"].get<std::string>(), HasSubstr("1970-01-01T00:00:00Z attestation: warning"));
}

TEST_F(DecisionLogTest, ForgetsTheOldestSessionsFirst) {
  for (int i = 0; i < 5000; ++i) decisions_.Record(Attested(StrCat("s", i), {"x"}));
  EXPECT_TRUE(decisions_.AttestationReasons("s0").empty());
  EXPECT_EQ(decisions_.Explain("s0").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(decisions_.AttestationReasons("s4999").empty());
}

TEST(JoinReasonsTest, IsCutBetweenCharacters) {
  EXPECT_EQ(JoinReasons({"a", "b"}), "a; b");
  EXPECT_EQ(JoinReasons({}), "");
  for (size_t limit = 1; limit < 12; ++limit) {
    const std::string cut = JoinReasons({"grün grün grün"}, limit);
    EXPECT_TRUE(json(cut).dump().ends_with("…\"")) << cut;
    EXPECT_LE(cut.size(), limit + std::string("…").size());
  }
}

}  // namespace
}  // namespace cc::trustee
