// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/process.h"
#include "base/strings.h"
#include "jose/base64.h"

namespace cc::attest {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(KbsMessages, DigestIsOverTheCanonicalForm) {
  const json key{{"kty", "EC"}, {"crv", "P-256"}, {"alg", "ECDH-ES+A256KW"}, {"x", "X"}, {"y", "Y"}};
  constexpr std::string_view kText =
      R"({"additional-evidence":"","nonce":"bm9uY2U=","tee-pubkey":{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"X","y":"Y"}})";
  for (const char* name : {"sha256", "sha384", "sha512"}) {
    const absl::StatusOr<Output> expected =
        cc::Run({.argv = {"openssl", "dgst", StrCat("-", name), "-r"}}, kText);
    ASSERT_TRUE(expected.ok()) << expected.status();
    const Challenge challenge{.nonce = "bm9uY2U=", .hash = *jose::ParseHash(name)};
    EXPECT_EQ(jose::ToHex(*RuntimeDigest(challenge, key, "")),
              expected->out.substr(0, expected->out.find(' ')));
  }
}

TEST(KbsMessages, TakesTheHashThatTheBrokerSelects) {
  EXPECT_EQ(ParseChallenge(R"({"nonce":"n","extra-params":""})")->hash, jose::Hash::kSha384);
  EXPECT_EQ(ParseChallenge(R"({"nonce":"n","extra-params":{}})")->hash, jose::Hash::kSha384);
  EXPECT_EQ(ParseChallenge(R"({"nonce":"n"})")->hash, jose::Hash::kSha384);
  EXPECT_EQ(ParseChallenge(R"({"nonce":"n","extra-params":{"selected-hash-algorithm":"SHA512"}})")->hash,
            jose::Hash::kSha512);
  EXPECT_TRUE(absl::IsUnimplemented(
      ParseChallenge(R"({"nonce":"n","extra-params":{"selected-hash-algorithm":"sm3"}})").status()));
}

TEST(KbsMessages, AttestationHasTheReferenceClientsMembersInItsOrder) {
  const json key{{"kty", "EC"}};
  EXPECT_EQ(*AttestRequest(std::nullopt, "n", key, R"({"svn":"1"})", ""),
            R"({"init-data":null,"runtime-data":{"nonce":"n","tee-pubkey":{"kty":"EC"}},)"
            R"("tee-evidence":{"primary_evidence":{"svn":"1"},"additional_evidence":""}})");
  EXPECT_THAT(*AttestRequest("a\n", "n", key, "{}", ""),
              HasSubstr(R"("init-data":{"format":"toml","body":"a\n"})"));
  EXPECT_FALSE(AttestRequest(std::nullopt, "n", key, "no JSON", "").ok());
}

TEST(KbsMessages, TokenLivesAsLongAsItSays) {
  const auto lifetime = [](const std::string& claims) {
    const std::string jwt = StrCat("e30.", jose::Base64UrlEncode(claims), ".c2ln");
    return ParseTokenReply(json{{"token", jwt}}.dump())->lifetime;
  };
  EXPECT_EQ(lifetime(R"({"iat":100,"exp":400})"), std::chrono::seconds(300));
  EXPECT_EQ(lifetime(R"({"iat":100,"exp":100})"), std::chrono::seconds(0));
  for (const char* claims :
       {R"({"exp":400})", R"({"iat":100})", R"({"iat":400,"exp":100})", R"({"iat":-1,"exp":5})",
        R"({"iat":"1","exp":5})", R"({"iat":1,"exp":9223372036854775807})", "[]", "garbage"}) {
    EXPECT_FALSE(lifetime(claims).has_value()) << claims;
  }
  EXPECT_FALSE(ParseTokenReply(R"({"token":"no jwt"})").ok());
  EXPECT_FALSE(ParseTokenReply(R"({"token":"opaque"})")->lifetime.has_value());
}

TEST(KbsMessages, ReadsOnlyItsOwnCookie) {
  EXPECT_EQ(SessionCookie("kbs-session-id=0a1B; Expires=Wed, 21 Oct 2099 07:28:00 GMT"), "0a1B");
  EXPECT_EQ(SessionCookie("kbs-session-id=0a1b"), "0a1b");
  for (const char* header :
       {"", "kbs-session-id", "kbs-session-id=", "kbs-session-id=a b", "kbs-session-id=a\r\nX: y",
        "kbs-session-id=\"a\"", "session=0a1b", "xkbs-session-id=0a1b"}) {
    EXPECT_FALSE(SessionCookie(header).has_value()) << header;
  }
  EXPECT_FALSE(SessionCookie("kbs-session-id=" + std::string(300, 'a')).has_value());
}

TEST(KbsMessages, ARefusalSaysAttestationOnce) {
  for (const char* detail : {"m is not endorsed", "attestation: m is not endorsed"}) {
    const absl::Status status =
        KbsError("get x", 403, json{{"type", "x/PolicyDeny"}, {"detail", detail}}.dump());
    EXPECT_EQ(status.message(), "get x: attestation: m is not endorsed (HTTP 403, x/PolicyDeny)");
  }
}

TEST(KbsMessages, ForeignTextsInErrorsAreOneBoundedLine) {
  const std::string body =
      json{{"type", "x/PolicyDeny"}, {"detail", "a\nb\x1b[31m" + std::string(9000, 'c')}}.dump();
  const std::string message(KbsError("get", 401, body).message());
  EXPECT_THAT(message, HasSubstr("get: attestation: a b [31mccc"));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_LT(message.size(), 2500u);
  EXPECT_THAT(std::string(KbsError("get", 401, "<html>").message()),
              HasSubstr("is this the address of a KBS?"));
}

}  // namespace
}  // namespace cc::attest
