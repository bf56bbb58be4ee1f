// SPDX-License-Identifier: Apache-2.0
#include "cca/verified_platforms.h"

#include <gtest/gtest.h>

#include "cca/token_samples.h"
#include "cca/verify.h"

namespace cc::cca {
namespace {

CoseSign1 Signed(std::string_view payload, const jose::Key& key = SampleCpak()) {
  return CoseSign1::Parse(CoseSign(payload, key).value(), "test").value();
}

// The message with another last byte of the signature.
CoseSign1 Forged(std::string_view payload) {
  std::string bytes = CoseSign(payload, SampleCpak()).value();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  return CoseSign1::Parse(bytes, "test").value();
}

TEST(VerifiedPlatforms, AMessageThatIsKnownIsRightAgain) {
  VerifiedPlatforms platforms(2);
  const CoseSign1 message = Signed("claims");
  EXPECT_TRUE(platforms.Verify(message, SampleCpak()).ok());
  EXPECT_TRUE(platforms.Verify(message, SampleCpak()).ok());
  EXPECT_EQ(platforms.size(), 1u);
}

TEST(VerifiedPlatforms, NothingElseIsTakenForIt) {
  VerifiedPlatforms platforms(8);
  const CoseSign1 message = Signed("claims");
  ASSERT_TRUE(platforms.Verify(message, SampleCpak()).ok());
  EXPECT_FALSE(platforms.Verify(message, SampleRak()).ok()) << "another key";
  EXPECT_FALSE(platforms.Verify(Signed("claims", SampleRak()), SampleCpak()).ok()) << "another signer";
  EXPECT_FALSE(platforms.Verify(Forged("claims"), SampleCpak()).ok()) << "another signature";
  EXPECT_FALSE(platforms.Verify(Forged("other claims"), SampleCpak()).ok());
  EXPECT_EQ(platforms.size(), 1u) << "failures must not be remembered";
}

TEST(VerifiedPlatforms, ForgetsWhatWasNotUsedForLongest) {
  VerifiedPlatforms platforms(2);
  const CoseSign1 first = Signed("1");
  ASSERT_TRUE(platforms.Verify(first, SampleCpak()).ok());
  for (const char* payload : {"2", "3", "4"}) {
    ASSERT_TRUE(platforms.Verify(Signed(payload), SampleCpak()).ok());
    ASSERT_TRUE(platforms.Verify(first, SampleCpak()).ok());
    EXPECT_LE(platforms.size(), 2u);
  }
}

TEST(VerifiedPlatforms, AKnownPlatformDoesNotVouchForARealm) {
  VerifiedPlatforms platforms(2);
  const VerifyOptions options{.platforms = &platforms};
  const std::string good =
      MintToken(TokenForm::kCollection, SamplePlatform(), SampleRealm(), SampleCpak(), SampleRak()).value();
  ASSERT_TRUE(
      VerifyToken(UnverifiedToken::Parse(good).value(), SampleAnchors(), SampleChallenge(), options).ok());
  EXPECT_EQ(platforms.size(), 1u);
  std::string bad = good;
  bad.back() = static_cast<char>(bad.back() ^ 1);  // the end of the realm token's signature
  const auto refused =
      VerifyToken(UnverifiedToken::Parse(bad).value(), SampleAnchors(), SampleChallenge(), options);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace cc::cca
