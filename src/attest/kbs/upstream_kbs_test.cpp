// SPDX-License-Identifier: Apache-2.0
// What upstream's KBS (Trustee 78962cd4) accepted from cc-datahub and answered, recorded on the wire: see
// ../testdata/README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "attest/attester/sample_attester.h"
#include "attest/kbs/messages.h"
#include "attest/kbs/tee_key.h"
#include "base/file.h"
#include "base/strings.h"
#include "jose/jwe.h"

namespace cc::attest {
namespace {

using nlohmann::json;

json Recording() {
  const auto text = ReadFile(CC_ATTEST_TESTDATA "/upstream_kbs.json");
  EXPECT_TRUE(text.ok()) << text.status();
  return json::parse(text.value_or("{}"));
}

std::string Header(const json& message, std::string_view name) {
  for (const json& header : message.at("headers")) {
    if (ToLower(header[0].get<std::string>()) == name) return header[1].get<std::string>();
  }
  return "";
}

std::string Body(const json& message) { return message.at("body").get<std::string>(); }

// With the recorded key and nonce each message is, byte for byte, the one that was accepted; each answer is
// understood.
TEST(UpstreamKbs, HandshakesWithEachKindOfKeyEndWithTheResource) {
  const json recording = Recording();
  ASSERT_EQ(recording["handshakes"].size(), 4u);
  for (const json& handshake : recording["handshakes"]) {
    SCOPED_TRACE(handshake["what"].get<std::string>());
    const json &auth = handshake["auth"], &attest = handshake["attest"], &resource = handshake["resource"];
    EXPECT_EQ(auth["request"]["target"], "/kbs/v0/auth");
    EXPECT_EQ(AuthRequest("sample"), Body(auth["request"]));
    const auto challenge = ParseChallenge(Body(auth["response"]));
    ASSERT_TRUE(challenge.ok()) << challenge.status();
    const auto cookie = SessionCookie(Header(auth["response"], "set-cookie"));
    ASSERT_TRUE(cookie.has_value());

    const jose::Key key = *jose::Key::FromPem(handshake["test_only_tee_key"].get<std::string>());
    const auto algorithm = *jose::ParseKeyAlgorithm(handshake["algorithm"].get<std::string>());
    const json jwk = key.PublicJwk(jose::KeyAlgorithmName(algorithm));
    SampleAttester attester{AllowSampleEvidence{}};
    const std::string evidence = *attester.GetEvidence(*RuntimeDigest(*challenge, jwk, ""));
    std::optional<std::string> init_data;
    if (!handshake["init_data"].is_null()) init_data = handshake["init_data"].get<std::string>();
    EXPECT_EQ(attest["request"]["target"], "/kbs/v0/attest");
    EXPECT_EQ(*AttestRequest(init_data, challenge->nonce, jwk, evidence, ""), Body(attest["request"]));
    EXPECT_EQ(Header(attest["request"], "cookie"), StrCat(kKbsCookie, "=", *cookie));

    const auto token = ParseTokenReply(Body(attest["response"]));
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->lifetime, std::chrono::seconds(300));
    EXPECT_EQ(SessionCookie(Header(attest["response"], "set-cookie")), cookie);

    EXPECT_EQ(resource["request"]["target"], "/kbs/v0/resource/default/key/1");
    EXPECT_EQ(Header(resource["request"], "authorization"), StrCat("Bearer ", token->text));
    const auto plain = jose::DecryptFlattened(key, algorithm, Body(resource["response"]));
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_EQ(*plain, "the secret");
  }
}

TEST(UpstreamKbs, ItsRefusalsAreToldApart) {
  const json recording = Recording();
  ASSERT_GE(recording["refusals"].size(), 4u);
  for (const json& refusal : recording["refusals"]) {
    const json& response = refusal["response"];
    const absl::Status status = KbsError("get", response["status"].get<long>(), Body(response));
    EXPECT_EQ(absl::StatusCodeToString(status.code()), refusal["understood_as"].get<std::string>())
        << refusal["what"] << ": " << status;
  }
}

}  // namespace
}  // namespace cc::attest
