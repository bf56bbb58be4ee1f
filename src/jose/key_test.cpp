// SPDX-License-Identifier: Apache-2.0
#include "jose/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"

namespace cc::jose {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr KeyType kAllTypes[] = {KeyType::kP256, KeyType::kP384, KeyType::kP521, KeyType::kRsa,
                                 KeyType::kEd25519};

// RFC 7517 appendix A.2, the private P-256 key.
constexpr char kRfcKey[] = R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
  "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
  "use":"enc","kid":"1"})";

TEST(KeyTest, JwkAndPemRoundTripForEachType) {
  for (const KeyType type : kAllTypes) {
    const auto key = Key::Generate(type, 2048);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->type(), type);
    EXPECT_TRUE(key->has_private());
    const auto from_jwk = Key::FromJwk(key->PublicJwk("X"));
    ASSERT_TRUE(from_jwk.ok()) << from_jwk.status();
    EXPECT_FALSE(from_jwk->has_private());
    EXPECT_EQ(from_jwk->PublicJwk("X"), key->PublicJwk("X"));
    EXPECT_FALSE(from_jwk->PrivatePem().ok());
    const auto from_private = Key::FromPem(*key->PrivatePem());
    ASSERT_TRUE(from_private.ok()) << from_private.status();
    EXPECT_TRUE(from_private->has_private());
    EXPECT_EQ(from_private->Thumbprint(), key->Thumbprint());
    const auto from_public = Key::FromPem(key->PublicPem());
    ASSERT_TRUE(from_public.ok()) << from_public.status();
    EXPECT_FALSE(from_public->has_private());
    EXPECT_EQ(from_public->Thumbprint(), key->Thumbprint());
  }
}

TEST(KeyTest, ReadsThePrivateKeyOfRfc7517) {
  const auto key = Key::FromJwkText(kRfcKey);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(key->has_private());
  EXPECT_EQ(key->PublicJwk()["x"], "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4");
}

TEST(KeyTest, ThumbprintIsThatOfRfc7638) {
  const auto key = Key::FromJwkText(
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->Thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST(KeyTest, RefusesBadKeysAndNamesTheFault) {
  const json good = json::parse(kRfcKey);
  const auto with = [&](const char* member, const json& value) {
    json changed = good;
    changed[member] = value;
    return changed;
  };
  json without_y = good;
  without_y.erase("y");
  const std::string short_n = Base64UrlEncode(std::string(128, '\xff'));
  const std::pair<json, const char*> cases[] = {
      {json::array(), "object"},
      {json::object(), "kty"},
      {{{"kty", "oct"}, {"k", "AAAA"}}, "'oct' is not supported"},
      {{{"kty", 1}}, "must be a string"},
      {with("crv", "P-192"), "P-192"},
      {with("crv", "secp256k1"), "secp256k1"},
      {with("crv", "P-384"), "48 bytes"},
      {with("x", "MKBC"), "32 bytes"},
      {with("x", good["y"]), "no valid key"},
      {with("x", "not base64!"), "'x'"},
      {with("d", "AQAB"), "32 bytes"},
      {with("d", good["x"]), "not a valid key"},
      {without_y, "'y' is missing"},
      {{{"kty", "RSA"}, {"n", short_n}, {"e", "AQAB"}}, "1024 bits"},
      {{{"kty", "RSA"}, {"n", Base64UrlEncode(std::string(2048, '\xff'))}, {"e", "AQAB"}}, "16384 bits"},
      {{{"kty", "RSA"}, {"n", Base64UrlEncode(std::string(256, '\xff'))}, {"e", "AQABAQAB"}}, "exponent"},
      {{{"kty", "OKP"}, {"crv", "X25519"}, {"x", "AAAA"}}, "X25519"},
      {{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AAAA"}}, "32 bytes"},
      {{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", good["x"]}, {"d", good["d"]}}, "belong together"},
  };
  for (const auto& [jwk, fault] : cases) {
    const auto key = Key::FromJwk(jwk);
    ASSERT_FALSE(key.ok()) << jwk;
    EXPECT_THAT(std::string(key.status().message()), HasSubstr(fault)) << jwk;
  }
}

TEST(KeyTest, RefusesPemThatIsNoKey) {
  for (const char* pem :
       {"", "garbage", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}) {
    EXPECT_FALSE(Key::FromPem(pem).ok()) << pem;
  }
}

}  // namespace
}  // namespace cc::jose
