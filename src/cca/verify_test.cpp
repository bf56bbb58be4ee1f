// SPDX-License-Identifier: Apache-2.0
#include "cca/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cca/claims_json.h"
#include "cca/cose_key.h"
#include "cca/token_samples.h"

namespace cc::cca {
namespace {

UnverifiedToken Mint(const PlatformClaims& platform, const RealmClaims& realm,
                     const jose::Key& cpak = SampleCpak(), const jose::Key& rak = SampleRak()) {
  return UnverifiedToken::Parse(MintToken(TokenForm::kCollection, platform, realm, cpak, rak).value())
      .value();
}

void ExpectFailed(const absl::Status& status, std::string_view check) {
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(MessageOf(status)), testing::HasSubstr(StrCat("check '", check, "' failed")));
}

TEST(Verify, AcceptsTheRecordedToken) {
  CC_SKIP_WITHOUT_TESTDATA();
  const UnverifiedToken token = UnverifiedToken::Parse(RecordedToken()).value();
  const auto claims = VerifyToken(token, RecordedAnchors(), std::string(64, 'A'));
  ASSERT_TRUE(claims.ok()) << claims.status();
  const nlohmann::json json = ClaimsJson(*claims);
  EXPECT_EQ(json.at("platform").at("cca-platform-lifecycle-state"), "secured");
  EXPECT_EQ(json.at("report_data"), jose::ToHex(std::string(64, 'A')));
}

TEST(Verify, AcceptsTheRecordedTokenByATaStoreEntryToo) {
  CC_SKIP_WITHOUT_TESTDATA();
  const UnverifiedToken token = UnverifiedToken::Parse(RecordedToken()).value();
  const nlohmann::json store = {
      {{"pkey", nlohmann::json::parse(ReadFile(TestDataPath("cpak-pub.json")).value())},
       {"implementation-id", jose::ToHex(token.platform().implementation_id)},
       {"instance-id", jose::ToHex(token.platform().instance_id)}}};
  const TrustAnchors anchors = TrustAnchors::FromTaStore(store.dump()).value();
  EXPECT_TRUE(VerifyToken(token, anchors, std::string(64, 'A')).ok());
}

TEST(Verify, AcceptsEveryFormProfileAndHash) {
  for (TokenForm form : {TokenForm::kCollection, TokenForm::kCmwCollection}) {
    for (std::string_view profile : {std::string_view(), kRealmProfile2023, kRealmProfile2024}) {
      for (const char* hash : {"sha-256", "sha-384", "sha-512"}) {
        RealmClaims realm = SampleRealm();
        realm.profile = profile.empty() ? std::nullopt : std::optional<std::string>(profile);
        realm.public_key_hash_algorithm = hash;
        const std::string bytes = MintToken(form, SamplePlatform(), realm, SampleCpak(), SampleRak()).value();
        const auto claims =
            VerifyToken(UnverifiedToken::Parse(bytes).value(), SampleAnchors(), SampleChallenge());
        EXPECT_TRUE(claims.ok()) << profile << hash << claims.status();
      }
    }
  }
}

TEST(Verify, ShorterReportDataIsPaddedWithZeros) {
  RealmClaims realm = SampleRealm();
  realm.challenge = std::string(48, 'q') + std::string(16, '\0');
  const UnverifiedToken token = Mint(SamplePlatform(), realm);
  EXPECT_TRUE(VerifyToken(token, SampleAnchors(), std::string(48, 'q')).ok());
  EXPECT_TRUE(VerifyToken(token, SampleAnchors(), realm.challenge).ok());
  ExpectFailed(VerifyToken(token, SampleAnchors(), std::string(47, 'q')).status(), "challenge");
  ExpectFailed(VerifyToken(token, SampleAnchors(), std::string(64, 'q')).status(), "challenge");
}

TEST(Verify, ReportDataMustBeThere) {
  RealmClaims realm = SampleRealm();
  realm.challenge = std::string(64, '\0');
  const UnverifiedToken token = Mint(SamplePlatform(), realm);
  for (size_t size : {0u, 65u}) {
    EXPECT_EQ(VerifyToken(token, SampleAnchors(), std::string(size, '\0')).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Verify, ARealmOfAnotherPlatformIsRefused) {
  // The platform token of one guest and the realm token of another, each genuine.
  const jose::Key other_rak = jose::Key::Generate(jose::KeyType::kP384).value();
  RealmClaims realm = SampleRealm();
  realm.public_key = CoseKeyOf(other_rak).value();
  const UnverifiedToken first = Mint(SamplePlatform(), SampleRealm());
  const std::string platform = CoseSign(first.platform_message().unverified_payload(), SampleCpak()).value();
  const std::string swapped =
      EncodeCollection(TokenForm::kCollection, platform, CoseSign(realm.Encode(), other_rak).value());
  ExpectFailed(
      VerifyToken(UnverifiedToken::Parse(swapped).value(), SampleAnchors(), SampleChallenge()).status(),
      "rak-binding");
}

TEST(Verify, TheHashIsOverTheKeyAsEncoded) {
  // The hash of the same key in the other encoding does not bind.
  RealmClaims realm = SampleRealm();
  realm.public_key = CoseKeyOf(SampleRak()).value();
  PlatformClaims platform = SamplePlatform();
  platform.challenge = jose::Digest(jose::Hash::kSha256, PointOf(SampleRak()).value());
  const std::string bytes =
      EncodeCollection(TokenForm::kCollection, CoseSign(platform.Encode(), SampleCpak()).value(),
                       CoseSign(realm.Encode(), SampleRak()).value());
  ExpectFailed(
      VerifyToken(UnverifiedToken::Parse(bytes).value(), SampleAnchors(), SampleChallenge()).status(),
      "rak-binding");
}

TEST(Verify, PlatformSignedByAStranger) {
  const jose::Key stranger = jose::Key::Generate(jose::KeyType::kP384).value();
  ExpectFailed(
      VerifyToken(Mint(SamplePlatform(), SampleRealm(), stranger), SampleAnchors(), SampleChallenge())
          .status(),
      "platform-signature");
  const jose::Key small = jose::Key::Generate(jose::KeyType::kP256).value();
  ExpectFailed(
      VerifyToken(Mint(SamplePlatform(), SampleRealm(), small), SampleAnchors(), SampleChallenge()).status(),
      "platform-signature");
}

TEST(Verify, RealmNotSignedByItsOwnKey) {
  RealmClaims realm = SampleRealm();
  realm.public_key = CoseKeyOf(SampleRak()).value();
  PlatformClaims platform = SamplePlatform();
  platform.challenge = jose::Digest(jose::Hash::kSha256, realm.public_key);
  const std::string bytes =
      EncodeCollection(TokenForm::kCollection, CoseSign(platform.Encode(), SampleCpak()).value(),
                       CoseSign(realm.Encode(), SampleCpak()).value());
  ExpectFailed(
      VerifyToken(UnverifiedToken::Parse(bytes).value(), SampleAnchors(), SampleChallenge()).status(),
      "realm-signature");
}

TEST(Verify, UnknownPlatformIsToldByItsIds) {
  PlatformClaims platform = SamplePlatform();
  platform.instance_id.back() = 'x';
  const absl::Status status =
      VerifyToken(Mint(platform, SampleRealm()), SampleAnchors(), SampleChallenge()).status();
  ExpectFailed(status, "trust-anchor");
  EXPECT_THAT(std::string(MessageOf(status)), testing::HasSubstr(jose::ToHex(platform.instance_id)));
}

TEST(Verify, OnlySecuredPlatformsUnlessDebugIsAllowed) {
  const std::tuple<uint16_t, bool, bool> cases[] = {
      // lifecycle, accepted, accepted with AllowDebugLifecycle
      {0x0000, false, false}, {0x1000, false, false}, {0x2000, false, false}, {0x3000, true, true},
      {0x30ff, true, true},   {0x3100, false, false}, {0x4000, false, true},  {0x50ff, false, true},
      {0x6000, false, false}, {0xffff, false, false},
  };
  for (const auto& [lifecycle, strict, with_debug] : cases) {
    PlatformClaims platform = SamplePlatform();
    platform.lifecycle = lifecycle;
    const UnverifiedToken token = Mint(platform, SampleRealm());
    const auto result = VerifyToken(token, SampleAnchors(), SampleChallenge());
    EXPECT_EQ(result.ok(), strict) << lifecycle;
    if (!strict) ExpectFailed(result.status(), "lifecycle");
    EXPECT_EQ(
        VerifyToken(token, SampleAnchors(), SampleChallenge(), {.debug_lifecycle = AllowDebugLifecycle{}})
            .ok(),
        with_debug)
        << lifecycle;
  }
}

}  // namespace
}  // namespace cc::cca
