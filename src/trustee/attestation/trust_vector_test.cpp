// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/trust_vector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TrustVectorTest, TiersAreThoseOfAr4si) {
  const std::pair<int, Tier> cases[] = {{0, Tier::kNone},
                                        {1, Tier::kNone},
                                        {-1, Tier::kNone},
                                        {2, Tier::kAffirming},
                                        {31, Tier::kAffirming},
                                        {-2, Tier::kAffirming},
                                        {-32, Tier::kAffirming},
                                        {32, Tier::kWarning},
                                        {95, Tier::kWarning},
                                        {-33, Tier::kWarning},
                                        {-96, Tier::kWarning},
                                        {96, Tier::kContraindicated},
                                        {127, Tier::kContraindicated},
                                        {-97, Tier::kContraindicated},
                                        {-128, Tier::kContraindicated}};
  for (const auto& [value, tier] : cases) EXPECT_EQ(TierOf(value), tier) << value;
}

TEST(TrustVectorTest, TheWorstClaimDecides) {
  const auto status = [](const json& claims) { return TrustVector::FromPolicy(claims)->Status(); };
  EXPECT_EQ(status({{"hardware", 2}, {"executables", 3}, {"file-system", 0}}), Tier::kAffirming);
  EXPECT_EQ(status({{"hardware", 2}, {"executables", 33}}), Tier::kWarning);
  EXPECT_EQ(status({{"hardware", 97}, {"executables", 33}}), Tier::kContraindicated);
  EXPECT_EQ(status({{"hardware", 0}}), Tier::kNone);
}

TEST(TrustVectorTest, ObjectionsAreInWords) {
  const auto vector = TrustVector::FromPolicy({{"hardware", 97}, {"executables", 33}, {"configuration", 2}});
  EXPECT_THAT(vector->Objections(),
              ElementsAre("executables 33 (warning): what was booted is not endorsed",
                          "hardware 97 (contraindicated): platform or firmware is not endorsed"));
}

TEST(TrustVectorTest, RefusesWhatIsNoVector) {
  const std::pair<json, const char*> cases[] = {{json(), "no object"},
                                                {json::array(), "no object"},
                                                {json::object(), "no trust claim"},
                                                {{{"hardwear", 2}}, "hardwear"},
                                                {{{"hardware", "2"}}, "no integer"},
                                                {{{"hardware", 2.5}}, "no integer"},
                                                {{{"hardware", 128}}, "no integer"},
                                                {{{"hardware", -129}}, "no integer"},
                                                {{{"hardware", true}}, "no integer"}};
  for (const auto& [claims, fault] : cases) {
    const auto vector = TrustVector::FromPolicy(claims);
    ASSERT_FALSE(vector.ok()) << claims;
    EXPECT_THAT(std::string(vector.status().message()), HasSubstr(fault));
  }
}

}  // namespace
}  // namespace cc::trustee
