// SPDX-License-Identifier: Apache-2.0
#include "datahub/attestation_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "attest/kbs/test_kbs.h"
#include "coco/attestation_agent.pb.h"
#include "datahub/test_connection.h"
#include "jose/base64.h"

namespace cc::datahub {
namespace {

namespace aa = attestation_agent;
using ::testing::HasSubstr;
using ::testing::StartsWith;
constexpr char kService[] = "attestation_agent.AttestationAgentService";

class AttestationAgentTest : public ::testing::Test {
 protected:
  void Start(AttestationOptions options) {
    attestation_ = std::make_unique<Attestation>(std::move(options));
    RegisterAttestationAgent(*attestation_, connection_.server);
    client_ = &connection_.Connect();
  }
  absl::StatusOr<std::string> Token(const std::string& type) {
    aa::GetTokenRequest request;
    request.set_tokentype(type);
    const auto response = client_->Call<aa::GetTokenResponse>(kService, "GetToken", request);
    if (!response.ok()) return response.status();
    return response->token();
  }
  absl::StatusOr<std::string> Evidence(const std::string& runtime_data) {
    aa::GetEvidenceRequest request;
    request.set_runtimedata(runtime_data);
    const auto response = client_->Call<aa::GetEvidenceResponse>(kService, "GetEvidence", request);
    if (!response.ok()) return response.status();
    return response->evidence();
  }

  std::unique_ptr<Attestation> attestation_;
  TestConnection connection_;
  ttrpc::Client* client_ = nullptr;
};

TEST_F(AttestationAgentTest, EvidenceCarriesTheRuntimeDataAsItIs) {
  Start({.insecure_sample_evidence = true});
  const std::string data(64, '\xfe');
  const auto evidence = Evidence(data);
  ASSERT_TRUE(evidence.ok()) << evidence.status();
  EXPECT_EQ(nlohmann::json::parse(*evidence).at("report_data"), jose::Base64Encode(data));
  EXPECT_EQ(Evidence(data + "x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(AttestationAgentTest, TokenComesWithTheKeyThatItNames) {
  attest::TestKbs kbs({});
  Start({.kbs_url = kbs.url(), .insecure_sample_evidence = true});
  const auto token = Token("kbs");
  ASSERT_TRUE(token.ok()) << token.status();
  const nlohmann::json json = nlohmann::json::parse(*token);
  EXPECT_THAT(json.at("tee_keypair").get<std::string>(), StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_FALSE(json.at("token").get<std::string>().empty());
  // One handshake for both.
  EXPECT_EQ(nlohmann::json::parse(*Token("kbs")).at("token"), json.at("token"));
  EXPECT_EQ(kbs.Requests("/attest").size(), 1u);
}

TEST_F(AttestationAgentTest, OtherTokensAndMissingBrokersAreNamed) {
  Start({.insecure_sample_evidence = true});
  EXPECT_EQ(Token("itasnap").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Token("coco_as").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Token("coco_as").status().ToString(), HasSubstr("token_configs.coco_as.url"));
  const absl::Status status = Token("kbs").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("attestation.kbs_url"));
}

TEST_F(AttestationAgentTest, WithoutATeeThereIsNoEvidenceUnlessSampleIsAllowed) {
  Start({});
  EXPECT_EQ(Evidence("x").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      client_->Call<aa::GetTeeTypeResponse>(kService, "GetTeeType", aa::GetTeeTypeRequest()).status().code(),
      absl::StatusCode::kFailedPrecondition);
}

TEST_F(AttestationAgentTest, SaysWhatThisMachineIsAndCannotDo) {
  Start({.insecure_sample_evidence = true});
  EXPECT_EQ(client_->Call<aa::GetTeeTypeResponse>(kService, "GetTeeType", aa::GetTeeTypeRequest())->tee(),
            "sample");
  EXPECT_EQ(
      client_
          ->Call<aa::GetAdditionalTeesResponse>(kService, "GetAdditionalTees", aa::GetAdditionalTeesRequest())
          ->additional_tees_size(),
      0);
  EXPECT_EQ(client_
                ->Call<aa::GetEvidenceResponse>(kService, "GetAdditionalEvidence",
                                                aa::GetAdditionalEvidenceRequest())
                ->evidence(),
            "");
  EXPECT_EQ(client_
                ->Call<aa::ExtendRuntimeMeasurementResponse>(kService, "ExtendRuntimeMeasurement",
                                                             aa::ExtendRuntimeMeasurementRequest())
                ->result(),
            aa::NOT_SUPPORTED);
  EXPECT_EQ(client_->Call<aa::BindInitDataResponse>(kService, "BindInitData", aa::BindInitDataRequest())
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
}

TEST(Attestation, MakesNothingBeforeItIsAsked) {
  // A broker that does not exist and a machine without a TEE disturb nobody until a resource is wanted.
  Attestation attestation({.kbs_url = "http://127.0.0.1:1"});
  EXPECT_TRUE(attestation.has_resources());
  const absl::Status status = attestation.Get(*attest::ResourceUri::Parse("kbs:///a/b/c")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("kbs:///a/b/c"));
}

}  // namespace
}  // namespace cc::datahub
