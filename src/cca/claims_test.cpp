// SPDX-License-Identifier: Apache-2.0
#include "cca/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cca/cbor_writer.h"
#include "cca/claims_json.h"
#include "cca/lifecycle.h"
#include "cca/token_samples.h"
#include "jose/base64.h"

namespace cc::cca {
namespace {

RealmClaims CompleteRealm() {
  RealmClaims realm = SampleRealm();
  realm.public_key = "key";
  return realm;
}

TEST(Claims, PlatformComesBackAsWritten) {
  const PlatformClaims claims = SamplePlatform();
  const PlatformClaims read = PlatformClaims::Parse(claims.Encode()).value();
  EXPECT_EQ(read.Encode(), claims.Encode());
  EXPECT_EQ(read.sw_components.size(), 2u);
  EXPECT_EQ(read.sw_components[0].version, "1.0");
  EXPECT_EQ(read.sw_components[1].type, std::nullopt);
  EXPECT_EQ(read.lifecycle, 0x3003);
  for (std::string_view profile : {kPlatformProfileLegacy, kPlatformProfile2024}) {
    PlatformClaims other = claims;
    other.profile = profile;
    other.verification_service.reset();
    EXPECT_TRUE(PlatformClaims::Parse(other.Encode()).ok()) << profile;
  }
}

TEST(Claims, RealmComesBackAsWritten) {
  RealmClaims claims = CompleteRealm();
  EXPECT_EQ(RealmClaims::Parse(claims.Encode()).value().Encode(), claims.Encode());
  claims.profile = kRealmProfile2024;
  claims.instance_id = std::string(32, 'u');
  claims.mec_policy = 1;
  const RealmClaims read = RealmClaims::Parse(claims.Encode()).value();
  EXPECT_EQ(read.Encode(), claims.Encode());
  EXPECT_EQ(read.mec_policy, 1);
}

TEST(Claims, RefusesPlatformClaimsOfWrongSize) {
  const std::pair<const char*, std::function<void(PlatformClaims&)>> cases[] = {
      {"profile 'http://example.org' is not known", [](auto& c) { c.profile = "http://example.org"; }},
      {"profile '' is not known", [](auto& c) { c.profile = ""; }},
      {"challenge (key 10)", [](auto& c) { c.challenge.pop_back(); }},
      {"implementation id (key 2396)", [](auto& c) { c.implementation_id += "x"; }},
      {"instance id (key 256)", [](auto& c) { c.instance_id.pop_back(); }},
      {"first byte is not 0x01", [](auto& c) { c.instance_id[0] = '\x02'; }},
      {"configuration (key 2401)", [](auto& c) { c.config = ""; }},
      {"configuration (key 2401)", [](auto& c) { c.config = std::string(5000, 'x'); }},
      {"0 software components", [](auto& c) { c.sw_components.clear(); }},
      {"65 software components", [](auto& c) { c.sw_components.resize(65, c.sw_components[0]); }},
      {"software component 1: measurement (key 2)", [](auto& c) { c.sw_components[1].measurement = "x"; }},
      {"software component 0: signer id (key 5)", [](auto& c) { c.sw_components[0].signer_id = ""; }},
      {"hash algorithm 'md5'", [](auto& c) { c.hash_algorithm = "md5"; }},
  };
  for (const auto& [text, spoil] : cases) {
    PlatformClaims claims = SamplePlatform();
    spoil(claims);
    const absl::Status status = PlatformClaims::Parse(claims.Encode()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(MessageOf(status)),
                testing::AllOf(testing::StartsWith("platform claims: "), testing::HasSubstr(text)));
  }
}

TEST(Claims, RefusesRealmClaimsOfWrongSize) {
  const std::pair<const char*, std::function<void(RealmClaims&)>> cases[] = {
      {"profile 'tag:arm.com,2099:realm#9' is not known",
       [](auto& c) { c.profile = "tag:arm.com,2099:realm#9"; }},
      {"challenge (key 10)", [](auto& c) { c.challenge.resize(32); }},
      {"personalization value (key 44235)", [](auto& c) { c.rpv += "x"; }},
      {"hash algorithm 'sha-1'", [](auto& c) { c.hash_algorithm = "sha-1"; }},
      {"hash algorithm 'SHA-256'", [](auto& c) { c.public_key_hash_algorithm = "SHA-256"; }},
      {"initial measurement (key 44238): 64 bytes where 32", [](auto& c) { c.hash_algorithm = "sha-256"; }},
      {"extensible measurement 2: 0 bytes where 64", [](auto& c) { c.rems[2] = ""; }},
      {"public key (key 44237)", [](auto& c) { c.public_key = ""; }},
      {"public key (key 44237)", [](auto& c) { c.public_key = std::string(513, 'x'); }},
      {"public key (key 44237): 107 bytes where 97",
       [](auto& c) { c.profile.reset(), c.public_key = std::string(107, 'x'); }},
      {"instance id (key 256)", [](auto& c) { c.instance_id = ""; }},
  };
  for (const auto& [text, spoil] : cases) {
    RealmClaims claims = CompleteRealm();
    spoil(claims);
    const absl::Status status = RealmClaims::Parse(claims.Encode()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(MessageOf(status)),
                testing::AllOf(testing::StartsWith("realm claims: "), testing::HasSubstr(text)));
  }
}

TEST(Claims, MissingClaimsAreNamed) {
  EXPECT_THAT(std::string(MessageOf(RealmClaims::Parse(CborWriter().Map(0).str()).status())),
              testing::HasSubstr("challenge (key 10) is missing"));
  EXPECT_THAT(std::string(MessageOf(PlatformClaims::Parse(CborWriter().Map(0).str()).status())),
              testing::HasSubstr("profile (key 265) is missing"));
  EXPECT_FALSE(RealmClaims::Parse(CborWriter().Array(0).str()).ok());
  EXPECT_FALSE(PlatformClaims::Parse("").ok());
}

TEST(Claims, UnknownClaimsAreIgnored) {
  // The encoding with one more entry: the head of a map of 9 becomes one of 10.
  std::string encoded = SamplePlatform().Encode();
  ASSERT_EQ(encoded[0], '\xa9');
  encoded[0] = '\xaa';
  encoded += CborWriter().Int(99999).Array(1).Text("new").str();
  EXPECT_TRUE(PlatformClaims::Parse(encoded).ok());
}

TEST(Lifecycle, EachStateHasARangeAndAName) {
  const std::tuple<uint16_t, Lifecycle, const char*> cases[] = {
      {0x0000, Lifecycle::kUnknown, "unknown"},
      {0x00ff, Lifecycle::kUnknown, "unknown"},
      {0x0100, Lifecycle::kInvalid, "invalid"},
      {0x10aa, Lifecycle::kAssemblyAndTest, "assembly-and-test"},
      {0x2000, Lifecycle::kPlatformRotProvisioning, "cca-platform-rot-provisioning"},
      {0x2fff, Lifecycle::kInvalid, "invalid"},
      {0x3000, Lifecycle::kSecured, "secured"},
      {0x30ff, Lifecycle::kSecured, "secured"},
      {0x3100, Lifecycle::kInvalid, "invalid"},
      {0x4000, Lifecycle::kNonPlatformRotDebug, "non-cca-platform-rot-debug"},
      {0x50ff, Lifecycle::kRecoverablePlatformRotDebug, "recoverable-cca-platform-rot-debug"},
      {0x6000, Lifecycle::kDecommissioned, "decommissioned"},
      {0xffff, Lifecycle::kInvalid, "invalid"},
  };
  for (const auto& [claim, state, name] : cases) {
    EXPECT_EQ(LifecycleOf(claim), state) << claim;
    EXPECT_EQ(LifecycleName(state), name);
  }
}

TEST(ClaimsJson, HasUpstreamsNamesAndMore) {
  CcaClaims claims{SamplePlatform(), CompleteRealm()};
  const nlohmann::json json = ClaimsJson(claims);
  const auto& realm = json.at("realm");
  EXPECT_EQ(realm.at("cca-realm-initial-measurement"), jose::Base64Encode(claims.realm.rim));
  EXPECT_EQ(realm.at("cca-realm-personalization-value"), jose::Base64Encode(claims.realm.rpv));
  EXPECT_EQ(realm.at("cca-realm-challenge"), jose::Base64Encode(claims.realm.challenge));
  EXPECT_EQ(realm.at("cca-realm-hash-algo-id"), "sha-512");
  EXPECT_EQ(realm.at("cca-realm-extensible-measurements").size(), 4u);
  EXPECT_EQ(realm.at("cca-realm-profile"), kRealmProfile2023);
  EXPECT_FALSE(realm.contains("cca-realm-mec-policy"));
  const auto& platform = json.at("platform");
  EXPECT_EQ(platform.at("cca-platform-instance-id"), jose::Base64Encode(claims.platform.instance_id));
  EXPECT_EQ(platform.at("cca-platform-implementation-id"),
            jose::Base64Encode(claims.platform.implementation_id));
  EXPECT_EQ(platform.at("cca-platform-lifecycle"), 0x3003);
  EXPECT_EQ(platform.at("cca-platform-lifecycle-state"), "secured");
  EXPECT_EQ(platform.at("cca-platform-config"), jose::Base64Encode("cfg"));
  EXPECT_EQ(platform.at("cca-platform-verification-service"), "https://example.org/verify");
  EXPECT_EQ(platform.at("cca-platform-sw-components").at(0).at("component-type"), "BL");
  EXPECT_FALSE(platform.at("cca-platform-sw-components").at(1).contains("version"));
  EXPECT_EQ(json.at("init_data"), jose::ToHex(claims.realm.rpv));
  EXPECT_EQ(json.at("report_data"), jose::ToHex(claims.realm.challenge));
}

}  // namespace
}  // namespace cc::cca
