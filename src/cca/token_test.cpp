// SPDX-License-Identifier: Apache-2.0
#include "cca/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cca/cbor_writer.h"
#include "cca/token_samples.h"

namespace cc::cca {
namespace {

std::string Mint(TokenForm form) {
  return MintToken(form, SamplePlatform(), SampleRealm(), SampleCpak(), SampleRak()).value();
}

TEST(Token, BothFormsCarryTheSameClaims) {
  for (TokenForm form : {TokenForm::kCollection, TokenForm::kCmwCollection}) {
    const UnverifiedToken token = UnverifiedToken::Parse(Mint(form)).value();
    EXPECT_EQ(token.form(), form);
    EXPECT_EQ(token.platform().instance_id, SamplePlatform().instance_id);
    EXPECT_EQ(token.realm().rim, SampleRealm().rim);
    EXPECT_EQ(token.rak().Thumbprint(), SampleRak().Thumbprint());
  }
}

TEST(Token, LegacyRealmHasARawPoint) {
  RealmClaims realm = SampleRealm();
  realm.profile.reset();
  const std::string bytes =
      MintToken(TokenForm::kCollection, SamplePlatform(), realm, SampleCpak(), SampleRak()).value();
  const UnverifiedToken token = UnverifiedToken::Parse(bytes).value();
  EXPECT_EQ(token.realm().public_key.size(), 97u);
  EXPECT_EQ(token.rak().Thumbprint(), SampleRak().Thumbprint());
}

TEST(Token, ReadsTheRecordedOne) {
  CC_SKIP_WITHOUT_TESTDATA();
  const UnverifiedToken token = UnverifiedToken::Parse(RecordedToken()).value();
  EXPECT_EQ(token.form(), TokenForm::kCollection);
  EXPECT_EQ(token.platform().profile, kPlatformProfile2023);
  EXPECT_EQ(token.platform().lifecycle, 0x3003);
  EXPECT_EQ(token.platform().sw_components.size(), 13u);
  EXPECT_EQ(token.platform().sw_components[0].type, "RSE_BL1_2");
  EXPECT_EQ(token.realm().hash_algorithm, "sha-256");
  EXPECT_EQ(token.realm().challenge, std::string(64, 'A'));
  EXPECT_EQ(token.realm().rpv, std::string(64, '\0'));
  EXPECT_EQ(jose::ToHex(token.realm().rim),
            "8e6dd76d238405e83dbc3eba814905226421acda67d295f31677e6daea646b40");
}

// Collections of two good tokens, put together wrongly.
TEST(Token, RefusesOtherCollections) {
  const UnverifiedToken parsed = UnverifiedToken::Parse(Mint(TokenForm::kCollection)).value();
  const std::string platform = CoseSign(parsed.platform_message().unverified_payload(), SampleCpak()).value();
  const std::string realm = CoseSign(parsed.realm_message().unverified_payload(), SampleRak()).value();
  ASSERT_TRUE(UnverifiedToken::Parse(EncodeCollection(TokenForm::kCollection, platform, realm)).ok());
  const auto cmw = [&](const CborWriter& wrapper) {
    return CborWriter().Tag(907).Map(2).Int(44234).Raw(wrapper.str()).Int(44241).Raw(wrapper.str()).str();
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "cut short"},
      {CborWriter().Map(2).Int(44234).Bytes(platform).Int(44241).Bytes(realm).str(), "without the tag"},
      {CborWriter().Tag(18).Map(0).str(), "tag 18 is neither"},
      {CborWriter().Tag(399).Array(0).str(), "expected map"},
      {CborWriter().Tag(399).Map(0).str(), "platform token (key 44234) is missing"},
      {CborWriter().Tag(399).Map(1).Int(44234).Bytes(platform).str(), "realm token (key 44241) is missing"},
      {CborWriter().Tag(399).Map(3).Int(44234).Bytes(platform).Int(44241).Bytes(realm).Int(1).Int(1).str(),
       "unknown key 1"},
      {CborWriter().Tag(399).Map(2).Int(44234).Raw(platform).Int(44241).Raw(realm).str(),
       "expected bytes, found tag"},
      {EncodeCollection(TokenForm::kCollection, platform, realm) + "x", "follow the item"},
      {EncodeCollection(TokenForm::kCollection, realm, platform), "platform claims: profile"},
      {EncodeCollection(TokenForm::kCollection, "", realm), "platform token"},
      {CborWriter().Tag(907).Map(2).Int(44234).Bytes(platform).Int(44241).Bytes(realm).str(),
       "expected array"},
      {cmw(CborWriter().Array(2).Int(262).Bytes(platform)), "content format 262"},
      {cmw(CborWriter().Array(1).Bytes(platform)), "not a pair"},
      {cmw(CborWriter().Array(3).Int(263).Bytes(platform).Int(4)), "not a pair"},
      {cmw(CborWriter().Array(2).Text("application/eat+cwt").Bytes(platform)), "expected integer"},
      {std::string(100 << 10, '\x81'), "at most 65536"},
  };
  for (const auto& [bytes, text] : cases) {
    const absl::Status status = UnverifiedToken::Parse(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(MessageOf(status)),
                testing::AllOf(testing::StartsWith("CCA token: "), testing::HasSubstr(text)));
  }
}

TEST(Token, ThePublicKeyMustFitTheProfile) {
  RealmClaims realm = SampleRealm();
  realm.public_key = std::string(97, '\x04');  // a raw point where a COSE_Key is due, and none on the curve
  const std::string platform = CoseSign(SamplePlatform().Encode(), SampleCpak()).value();
  const auto parse = [&] {
    const std::string token = CoseSign(realm.Encode(), SampleRak()).value();
    return UnverifiedToken::Parse(EncodeCollection(TokenForm::kCollection, platform, token)).status();
  };
  EXPECT_THAT(std::string(MessageOf(parse())), testing::HasSubstr("realm public key (key 44237)"));
  realm.profile.reset();
  EXPECT_THAT(std::string(MessageOf(parse())), testing::HasSubstr("realm public key (key 44237)"));
}

}  // namespace
}  // namespace cc::cca
