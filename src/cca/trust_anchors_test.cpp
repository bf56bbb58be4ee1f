// SPDX-License-Identifier: Apache-2.0
#include "cca/trust_anchors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cca/token_samples.h"

namespace cc::cca {
namespace {

nlohmann::json GoodEntry() {
  const PlatformClaims platform = SamplePlatform();
  return {{"pkey", SampleCpak().PublicJwk()},
          {"implementation-id", jose::ToHex(platform.implementation_id)},
          {"instance-id", jose::ToHex(platform.instance_id)}};
}

TEST(TrustAnchors, ReadsATaStore) {
  const PlatformClaims platform = SamplePlatform();
  const TrustAnchors anchors = TrustAnchors::FromTaStore(nlohmann::json::array({GoodEntry()}).dump()).value();
  EXPECT_EQ(anchors.size(), 1u);
  EXPECT_EQ(anchors.Find(platform.instance_id, platform.implementation_id).value().Thumbprint(),
            SampleCpak().Thumbprint());
  EXPECT_EQ(TrustAnchors::FromTaStore("[]").value().size(), 0u);
}

TEST(TrustAnchors, BothIdsMustBeThoseOfTheKey) {
  const PlatformClaims platform = SamplePlatform();
  const TrustAnchors anchors = SampleAnchors();
  const absl::Status other_instance =
      anchors.Find("\x01" + std::string(32, 'x'), platform.implementation_id).status();
  EXPECT_EQ(other_instance.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(MessageOf(other_instance)), testing::HasSubstr("0178787878"));
  EXPECT_FALSE(anchors.Find(platform.instance_id, std::string(32, 'x')).ok());
}

TEST(TrustAnchors, AKeyForAnyPlatformDoesNotReplaceARegisteredOne) {
  const PlatformClaims platform = SamplePlatform();
  TrustAnchors anchors = SampleAnchors();
  ASSERT_TRUE(anchors.Add(AnyPlatform{}, SampleRak()).ok());
  EXPECT_FALSE(anchors.Add(AnyPlatform{}, SampleRak()).ok());
  EXPECT_EQ(anchors.Find("\x01" + std::string(32, 'x'), "whatever").value().Thumbprint(),
            SampleRak().Thumbprint());
  EXPECT_EQ(anchors.Find(platform.instance_id, platform.implementation_id).value().Thumbprint(),
            SampleCpak().Thumbprint());
  EXPECT_FALSE(anchors.Find(platform.instance_id, std::string(32, 'x')).ok());
}

TEST(TrustAnchors, RefusesABadTaStore) {
  const std::pair<const char*, std::function<void(nlohmann::json&)>> cases[] = {
      {"'pkey' is missing", [](auto& e) { e.erase("pkey"); }},
      {"instance-id", [](auto& e) { e.erase("instance-id"); }},
      {"instance-id", [](auto& e) { e["instance-id"] = 7; }},
      {"implementation-id", [](auto& e) { e["implementation-id"] = "zz"; }},
      {"implementation-id", [](auto& e) { e["implementation-id"] = "00"; }},
      {"does not start with 01", [](auto& e) { e["instance-id"] = std::string(66, '0'); }},
      {"JWK", [](auto& e) { e["pkey"]["x"] = "AA"; }},
      {"Ed25519",
       [](auto& e) { e["pkey"] = jose::Key::Generate(jose::KeyType::kEd25519).value().PublicJwk(); }},
  };
  for (const auto& [text, spoil] : cases) {
    nlohmann::json entry = GoodEntry();
    spoil(entry);
    const absl::Status status = TrustAnchors::FromTaStore(nlohmann::json::array({entry}).dump()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(MessageOf(status)),
                testing::AllOf(testing::HasSubstr("CCA trust anchor 0"), testing::HasSubstr(text)));
  }
  EXPECT_FALSE(TrustAnchors::FromTaStore("{}").ok());
  EXPECT_FALSE(TrustAnchors::FromTaStore("[1]").ok());
  EXPECT_FALSE(TrustAnchors::FromTaStore("[").ok());
  const auto twice = TrustAnchors::FromTaStore(nlohmann::json::array({GoodEntry(), GoodEntry()}).dump());
  EXPECT_THAT(std::string(MessageOf(twice.status())), testing::HasSubstr("has a key already"));
}

}  // namespace
}  // namespace cc::cca
