// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/token_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"
#include "jose/jws.h"
#include "trustee/attestation/token_issuer.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class TokenVerifierTest : public ::testing::Test {
 protected:
  std::string Signed(const jose::Key& key, const json& claims, const json& header = json::object()) const {
    return *jose::SignCompact(key, *jose::DefaultAlgorithm(key), header, claims.dump());
  }
  int64_t now_ = 5000;
  Clock clock_ = [this] { return now_; };
  jose::Key own_ = *jose::Key::Generate(jose::KeyType::kP256);
  jose::Key other_ = *jose::Key::Generate(jose::KeyType::kP384);
  TokenIssuer issuer_ = *TokenIssuer::Create(own_, {}, clock_);
  TokenVerifier verifier_{{{"CoCo-Attestation-Service", {own_}}, {"other", {other_}}}, clock_};
};

TEST_F(TokenVerifierTest, TakesOwnTokensUntilTheyExpire) {
  const std::string token = *issuer_.Issue({{"cpu0", {{"ear.status", "affirming"}}}}, "label");
  const auto claims = verifier_.Verify(token);
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ((*claims)["jti"], "label");
  EXPECT_EQ((*claims)["eat_profile"], "tag:github.com,2024:confidential-containers/Trustee");
  EXPECT_EQ((*claims)["exp"], 5300);
  now_ += 299;
  EXPECT_TRUE(verifier_.Verify(token).ok());
  now_ += 1;
  EXPECT_THAT(std::string(verifier_.Verify(token).status().message()), HasSubstr("expired"));
}

TEST_F(TokenVerifierTest, TheKeySetVerifiesTheTokens) {
  const auto keys = ParseJwks(issuer_.Jwks());
  ASSERT_TRUE(keys.ok()) << keys.status();
  const TokenVerifier by_set({{"CoCo-Attestation-Service", *keys}}, clock_);
  EXPECT_TRUE(by_set.Verify(*issuer_.Issue(json::object(), "x")).ok());
}

TEST_F(TokenVerifierTest, TakesTokensOfTrustedIssuersWithTheirOwnKeyOnly) {
  EXPECT_TRUE(verifier_.Verify(Signed(other_, {{"iss", "other"}, {"exp", 6000}})).ok());
  EXPECT_FALSE(verifier_.Verify(Signed(other_, {{"iss", "CoCo-Attestation-Service"}, {"exp", 6000}})).ok());
  EXPECT_FALSE(verifier_.Verify(Signed(own_, {{"iss", "other"}, {"exp", 6000}})).ok());
}

TEST_F(TokenVerifierTest, RefusesForeignAndForgedTokens) {
  const jose::Key stranger = *jose::Key::Generate(jose::KeyType::kP256);
  const json claims = {{"iss", "CoCo-Attestation-Service"}, {"exp", 6000}};
  const std::string good = Signed(own_, claims);
  const auto parts = StrSplit(good, '.');
  const std::string cases[] = {
      "",
      "x.y.z",
      Signed(stranger, claims),
      // A key in the header proves nothing.
      Signed(stranger, claims, {{"jwk", stranger.PublicJwk("ES256")}}),
      Signed(own_, {{"iss", "nobody"}, {"exp", 6000}}),
      Signed(own_, {{"exp", 6000}}),
      Signed(own_, {{"iss", "CoCo-Attestation-Service"}}),
      Signed(own_, {{"iss", "CoCo-Attestation-Service"}, {"exp", 4000}}),
      StrCat(jose::Base64UrlEncode(R"({"alg":"none"})"), ".", parts[1], "."),
      StrCat(parts[0], ".", jose::Base64UrlEncode(R"({"iss":"CoCo-Attestation-Service","exp":9000})"), ".",
             parts[2]),
  };
  for (const std::string& token : cases) {
    EXPECT_EQ(verifier_.Verify(token).status().code(), absl::StatusCode::kUnauthenticated) << token;
  }
}

TEST_F(TokenVerifierTest, FindsTheGuestsKeyWhereIssuersPutIt) {
  const json jwk = jose::Key::Generate(jose::KeyType::kP256)->PublicJwk("ECDH-ES+A256KW");
  json ear;
  ear["submods"]["cpu0"]["ear.veraison.annotated-evidence"]["runtime_data_claims"]["tee-pubkey"] = jwk;
  json older;
  older["customized_claims"]["runtime_data"]["tee-pubkey"] = jwk;
  for (const json& claims : {ear, older, json{{"tee-pubkey", jwk}}}) {
    const auto key = TeeKeyOf(claims);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->key.PublicJwk("ECDH-ES+A256KW"), jwk);
  }
  EXPECT_FALSE(TeeKeyOf(json::object()).ok());
}

TEST_F(TokenVerifierTest, RefusesGuestKeysThatCannotBeUsed) {
  json no_alg = jose::Key::Generate(jose::KeyType::kP256)->PublicJwk();
  for (const json& jwk : {no_alg, jose::Key::Generate(jose::KeyType::kP384)->PublicJwk("ECDH-ES+A256KW"),
                          jose::Key::Generate(jose::KeyType::kP256)->PublicJwk("RSA-OAEP-256"),
                          jose::Key::Generate(jose::KeyType::kEd25519)->PublicJwk("ECDH-ES+A256KW"),
                          jose::Key::Generate(jose::KeyType::kRsa, 2048)->PublicJwk("RSA1_5"), json("key")}) {
    EXPECT_EQ(ParseTeeKey(jwk).status().code(), absl::StatusCode::kInvalidArgument) << jwk;
  }
}

TEST(ParseJwksTest, RefusesSetsWithoutAUsableKey) {
  for (const char* text :
       {"", "{}", R"({"keys":1})", R"({"keys":[]})", R"({"keys":[{"kty":"oct","k":"AA"}]})"}) {
    EXPECT_FALSE(ParseJwks(text).ok()) << text;
  }
}

}  // namespace
}  // namespace cc::trustee
