// SPDX-License-Identifier: Apache-2.0
#include "jose/jws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"
#include "jose/jwt.h"

namespace cc::jose {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Pair {
  KeyType type;
  SignatureAlgorithm algorithm;
};
constexpr Pair kPairs[] = {{KeyType::kP256, SignatureAlgorithm::kEs256},
                           {KeyType::kP384, SignatureAlgorithm::kEs384},
                           {KeyType::kEd25519, SignatureAlgorithm::kEdDsa},
                           {KeyType::kRsa, SignatureAlgorithm::kRs256},
                           {KeyType::kRsa, SignatureAlgorithm::kPs256}};

Key NewKey(KeyType type) { return *Key::Generate(type, 2048); }

TEST(JwsTest, EachAlgorithmVerifiesItsOwnAndNothingElse) {
  for (const Pair& pair : kPairs) {
    const Key key = NewKey(pair.type);
    const std::string text = *SignCompact(key, pair.algorithm, {{"kid", "k"}}, "payload");
    const auto payload = VerifyCompact(text, key, pair.algorithm);
    ASSERT_TRUE(payload.ok()) << payload.status();
    EXPECT_EQ(*payload, "payload");
    for (const Pair& other : kPairs) {
      if (other.algorithm == pair.algorithm) continue;
      EXPECT_EQ(VerifyCompact(text, key, other.algorithm).status().code(),
                absl::StatusCode::kPermissionDenied);
    }
    EXPECT_FALSE(VerifyCompact(text, NewKey(pair.type), pair.algorithm).ok());
  }
}

// RFC 7515 appendix A.3: made by somebody else.
TEST(JwsTest, VerifiesTheEs256ExampleOfRfc7515) {
  const Key key = *Key::FromJwkText(
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  const auto payload = VerifyCompact(
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
      "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
      key, SignatureAlgorithm::kEs256);
  ASSERT_TRUE(payload.ok()) << payload.status();
  EXPECT_THAT(*payload, HasSubstr("joe"));
}

TEST(JwsTest, RefusesForgeriesAndOddities) {
  const Key key = NewKey(KeyType::kP256);
  const std::string good = *SignCompact(key, SignatureAlgorithm::kEs256, json::object(), "payload");
  const auto parts = StrSplit(good, '.');
  const auto header = [](const char* text) { return Base64UrlEncode(text); };
  const auto join = [](std::string_view a, std::string_view b, std::string_view c) {
    return StrCat(a, ".", b, ".", c);
  };
  std::string flipped(good);
  flipped.back() = flipped.back() == 'A' ? 'Q' : 'A';
  const std::string raw = *Base64UrlDecode(parts[2]);
  const std::string cases[] = {
      "",
      "..",
      "a.b",
      good + ".x",
      good + "=",
      flipped,
      join(header(R"({"alg":"none"})"), parts[1], ""),
      join(header(R"({"alg":"none"})"), parts[1], parts[2]),
      join(header(R"({"alg":"HS256"})"), parts[1], parts[2]),
      join(header(R"({"alg":"ES256","alg":"none"})"), parts[1], parts[2]),
      join(header(R"({"alg":"ES256","crit":["x"]})"), parts[1], parts[2]),
      join(header(R"({"alg":"ES256","b64":false})"), parts[1], parts[2]),
      join(header(R"({"typ":"JWT"})"), parts[1], parts[2]),
      join(parts[0], Base64UrlEncode("Payload"), parts[2]),
      join(parts[0], parts[1], ""),
      join(parts[0], parts[1], Base64UrlEncode(std::string(64, '\0'))),
      join(parts[0], parts[1], Base64UrlEncode(raw.substr(0, 63))),
      join(parts[0], parts[1], Base64UrlEncode(raw + '\0')),
  };
  for (const std::string& text : cases) {
    EXPECT_FALSE(VerifyCompact(text, key, SignatureAlgorithm::kEs256).ok()) << text;
  }
}

// "b64": true is what holds without it (RFC 7797); upstream's `secret seal` writes it into sealed secrets.
TEST(JwsTest, ADefaultThatIsSpelledOutIsNoOddity) {
  const Key key = NewKey(KeyType::kP256);
  const std::string text = *SignCompact(key, SignatureAlgorithm::kEs256, json{{"b64", true}}, "payload");
  EXPECT_EQ(*VerifyCompact(text, key, SignatureAlgorithm::kEs256), "payload");
  const std::string number = *SignCompact(key, SignatureAlgorithm::kEs256, json{{"b64", 1}}, "payload");
  EXPECT_FALSE(VerifyCompact(number, key, SignatureAlgorithm::kEs256).ok());
}

TEST(JwtTest, ChecksTimesIssuerAndAudience) {
  const Key key = NewKey(KeyType::kEd25519);
  const JwtRules rules{.now = 1000, .leeway = 5, .issuer = "owner", .audience = "kbs"};
  const auto verify = [&](const json& claims) {
    const std::string text = *SignCompact(key, SignatureAlgorithm::kEdDsa, {{"typ", "JWT"}}, claims.dump());
    return VerifyJwt(text, key, SignatureAlgorithm::kEdDsa, rules).status();
  };
  const json good = {{"iss", "owner"}, {"aud", {"x", "kbs"}}, {"exp", 1100}, {"nbf", 900}};
  EXPECT_TRUE(verify(good).ok()) << verify(good);
  const struct {
    const char* member;
    json value;
    const char* fault;
  } cases[] = {
      {"exp", 995, "expired"},        {"exp", "1100", "no number"},
      {"exp", -1, "no time"},         {"exp", 1e300, "no time"},
      {"exp", nullptr, "no number"},  {"nbf", 1006, "valid only in"},
      {"iss", "other", "not issued"}, {"iss", 1, "not issued"},
      {"aud", "other", "audience"},   {"aud", json::array(), "audience"},
  };
  for (const auto& test : cases) {
    json claims = good;
    claims[test.member] = test.value;
    EXPECT_THAT(std::string(verify(claims).message()), HasSubstr(test.fault)) << claims;
  }
  for (const char* member : {"exp", "iss", "aud"}) {
    json claims = good;
    claims.erase(member);
    EXPECT_FALSE(verify(claims).ok()) << member;
  }
}

}  // namespace
}  // namespace cc::jose
