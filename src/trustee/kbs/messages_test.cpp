// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// As guest-components v0.21 sends them.
constexpr char kAuth[] =
    R"({"version":"0.4.0","tee":"cca","extra-params":{"supported-hash-algorithms":["sha256","sha384","sha512","sm3"]}})";
constexpr char kAttest[] =
    R"({"init-data":null,"runtime-data":{"nonce":"bm9uY2U=","tee-pubkey":{"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW",)"
    R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}},)"
    R"("tee-evidence":{"primary_evidence":{"token":[1,2,3]},"additional_evidence":""}})";

TEST(MessagesTest, ReadsTheHandshakeOfUpstreamsClient) {
  EXPECT_EQ(*ParseAuth(kAuth), "cca");
  auto attestation = ParseAttestation(kAttest);
  ASSERT_TRUE(attestation.ok()) << attestation.status();
  EXPECT_EQ(attestation->nonce, "bm9uY2U=");
  const auto items = EvidenceItems(*std::move(attestation), "cca");
  ASSERT_TRUE(items.ok());
  ASSERT_EQ(items->size(), 1u);
  EXPECT_EQ((*items)[0].evidence, json({{"token", {1, 2, 3}}}));
  EXPECT_EQ((*items)[0].runtime_data.size(), 3u);
  EXPECT_EQ((*items)[0].runtime_data["additional-evidence"], "");
  EXPECT_EQ((*items)[0].hash, jose::Hash::kSha384);
}

TEST(MessagesTest, AnswersWithUpstreamsBytes) {
  EXPECT_EQ(ChallengeBody("bm9uY2U="), R"({"nonce":"bm9uY2U=","extra-params":""})");
  EXPECT_EQ(TokenBody("a.b.c"), R"({"token":"a.b.c"})");
}

TEST(MessagesTest, DevicesAreBoundWithoutTheAdditionalEvidenceMember) {
  json message = json::parse(kAttest);
  message["tee-evidence"]["additional_evidence"] = R"({"sampledevice":{"svn":"1"}})";
  const auto items = EvidenceItems(*ParseAttestation(message.dump()), "cca");
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[1].tee, "sampledevice");
  EXPECT_FALSE((*items)[1].runtime_data.contains("additional-evidence"));
  for (const char* text : {"x", "[]", R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1})"}) {
    message["tee-evidence"]["additional_evidence"] = text;
    EXPECT_FALSE(EvidenceItems(*ParseAttestation(message.dump()), "cca").ok()) << text;
  }
}

TEST(MessagesTest, OtherVersionsAreToldApartFromGarbage) {
  for (const char* version : {"0.3.0", "0.4.1", "0.4", "", "1.0.0", " 0.4.0"}) {
    json message = json::parse(kAuth);
    message["version"] = version;
    EXPECT_EQ(ParseAuth(message.dump()).status().code(), absl::StatusCode::kUnauthenticated) << version;
  }
  for (const char* body :
       {"", "{", "[]", "{}", R"({"version":"0.4.0"})", R"({"version":1,"tee":"cca"})",
        R"({"version":"0.4.0","tee":["cca"]})", R"({"version":"0.4.0","version":"0.3.0","tee":"cca"})"}) {
    EXPECT_EQ(ParseAuth(body).status().code(), absl::StatusCode::kInvalidArgument) << body;
  }
}

TEST(MessagesTest, RefusesMalformedAttestations) {
  const struct {
    const char* pointer;
    json value;
    const char* fault;
  } cases[] = {
      {"/runtime-data", json(), "runtime-data"},
      {"/runtime-data/nonce", 1, "nonce"},
      {"/runtime-data/tee-pubkey", "key", "tee-pubkey"},
      {"/runtime-data/tee-pubkey/alg", "none", "none"},
      {"/runtime-data/tee-pubkey/crv", "P-384", "48 bytes"},
      {"/runtime-data/tee-pubkey/x", "AAAA", "32 bytes"},
      {"/runtime-data/tee-pubkey/y", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "no valid key"},
      {"/tee-evidence", json(), "tee-evidence"},
      {"/tee-evidence", {{"additional_evidence", ""}}, "primary_evidence"},
      {"/tee-evidence/additional_evidence", json(), "must be a string"},
      {"/init-data", "toml", "init-data"},
      {"/init-data", {{"format", "json"}, {"body", "{}"}}, "expected toml"},
      {"/init-data", {{"format", "toml"}, {"body", "x"}}, "initdata"},
  };
  for (const auto& test : cases) {
    json message = json::parse(kAttest);
    message[json::json_pointer(test.pointer)] = test.value;
    const auto attestation = ParseAttestation(message.dump());
    ASSERT_FALSE(attestation.ok()) << test.pointer;
    EXPECT_EQ(attestation.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(attestation.status().message()), HasSubstr(test.fault)) << test.pointer;
  }
}

TEST(MessagesTest, PoliciesAreBase64UrlWithoutPadding) {
  EXPECT_EQ(*ParseResourcePolicy(R"({"policy":"cGFja2FnZQ"})"), "package");
  EXPECT_EQ(ParseAttestationPolicy(R"({"type":"rego","policy_id":"default_cpu","policy":"cGFja2FnZQ"})")->id,
            "default_cpu");
  for (const char* body :
       {"", "{}", R"({"policy":1})", R"({"policy":"cGFja2FnZQ=="})", R"({"policy":"+/"})"}) {
    EXPECT_FALSE(ParseResourcePolicy(body).ok()) << body;
  }
}

}  // namespace
}  // namespace cc::trustee
