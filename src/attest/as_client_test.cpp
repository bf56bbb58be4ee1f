// SPDX-License-Identifier: Apache-2.0
#include "attest/as_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "attest/attester/sample_attester.h"
#include "attest/kbs/test_kbs.h"
#include "jose/base64.h"
#include "jose/digest.h"

namespace cc::attest {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// Answers every request the same way.
TestKbs::Intercept Always(unsigned status, const std::string& body) {
  return [=](const TestKbs::Request&) {
    return TestKbs::Reply{.status = status, .body = body, .set_cookie = {}};
  };
}

std::unique_ptr<AsClient> Client(const TestKbs& service,
                                 std::optional<std::string> init_data = std::nullopt) {
  auto client = AsClient::Create({.url = service.url() + "/", .init_data = std::move(init_data)},
                                 std::make_shared<SampleAttester>(AllowSampleEvidence{}));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

std::string Jwt(const std::string& claims) { return "e30." + jose::Base64UrlEncode(claims) + ".c2ln"; }

TEST(AsClient, SendsEvidenceBoundToAFreshNonce) {
  TestKbs service({}, Always(200, Jwt(R"({"iat":100,"exp":400})")));
  const auto client = Client(service, "version = \"0.1.0\"\n");
  EXPECT_EQ(*client->GetToken(), Jwt(R"({"iat":100,"exp":400})"));
  EXPECT_TRUE(client->GetToken().ok());
  // The second answer is the first token, still fresh.
  ASSERT_EQ(service.Requests("/attestation").size(), 1u);
  const TestKbs::Request request = service.Requests("/attestation").at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/attestation");
  const json body = json::parse(request.body);
  EXPECT_EQ(body.at("policy_ids"), json::array());
  ASSERT_EQ(body.at("verification_requests").size(), 1u);
  const json verification = body["verification_requests"][0];
  EXPECT_EQ(verification.at("tee"), "sample");
  EXPECT_EQ(verification.at("init_data"), (json{{"init_data_toml", "version = \"0.1.0\"\n"}}));
  const std::string nonce = verification.at("runtime_data").at("structured").at("nonce");
  EXPECT_EQ(jose::Base64Decode(nonce)->size(), 32u);
  const json evidence = json::parse(*jose::Base64UrlDecode(verification.at("evidence").get<std::string>()));
  // The canonical form, by hand.
  const std::string bound = "{\"nonce\":\"" + nonce + "\"}";
  EXPECT_EQ(evidence.at("report_data"), jose::Base64Encode(jose::Digest(jose::Hash::kSha384, bound)));
}

TEST(AsClient, ATokenWithoutALifetimeToComeIsNotKept) {
  TestKbs service({}, Always(200, Jwt(R"({"iat":100,"exp":100})")));
  const auto client = Client(service);
  EXPECT_TRUE(client->GetToken().ok());
  EXPECT_TRUE(client->GetToken().ok());
  EXPECT_EQ(service.Requests("/attestation").size(), 2u);
}

TEST(AsClient, RefusalsAndNonsenseAreErrors) {
  const struct {
    unsigned status;
    std::string body;
    absl::StatusCode code;
    const char* complaint;
  } cases[] = {
      {500, "An internal error occured: \n0: verify", absl::StatusCode::kPermissionDenied,
       "attestation: An internal error occured:  0: verify (HTTP 500)"},
      {403, "not endorsed\n", absl::StatusCode::kPermissionDenied, "attestation: not endorsed (HTTP 403)"},
      {404, "", absl::StatusCode::kNotFound, "HTTP 404"},
      {503, "busy", absl::StatusCode::kUnavailable, "busy"},
      {200, "", absl::StatusCode::kInvalidArgument, "no JWT"},
      {200, "two words", absl::StatusCode::kInvalidArgument, "no JWT"},
      {200, "a\r\nX: y", absl::StatusCode::kInvalidArgument, "no JWT"},
  };
  for (const auto& test : cases) {
    TestKbs service({}, Always(test.status, test.body));
    const absl::Status status = Client(service)->GetToken().status();
    EXPECT_EQ(status.code(), test.code) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(test.complaint));
  }
}

TEST(AsClient, RefusesBadUrls) {
  for (const char* url : {"", "as", "ftp://as", "http://"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        AsClient::Create({.url = url}, std::make_shared<SampleAttester>(AllowSampleEvidence{})).status()))
        << url;
  }
}

}  // namespace
}  // namespace cc::attest
