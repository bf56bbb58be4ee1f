// SPDX-License-Identifier: Apache-2.0
// A KBS whose attestation service is another process's, reached over CoCo's gRPC interface.
#include "trustee/faces/remote_as.h"

#include <gmock/gmock.h>

#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::HasSubstr;

class RemoteAsTest : public ServiceTest {
 protected:
  // The attestation service, then the KBS, which shares nothing with it but the administrator.
  void SetUp() override {
    Config as = config_;
    as.listen = "127.0.0.1:0";
    as.faces.attestation_grpc = StrCat("unix:", dir_.path(), "/as.sock");
    auto started = Service::Start(as, [this] { return now_.load(); });
    ASSERT_TRUE(started.ok()) << started.status();
    as_ = *std::move(started);
    as_url_ = StrCat("http://", as_->address());
    url_ = as_url_;
    const std::string jwks = dir_.path() + "/jwks.json";
    ASSERT_TRUE(WriteFileAtomic(jwks, Call("GET", "/.well-known/jwks.json").body).ok());
    const jose::Key admin = *jose::Key::FromPem(*ReadFile(config_.data_dir + "/admin.key"));
    ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/admin.pub", admin.PublicPem()).ok());
    admin_ = *GeneratedAdminToken(config_.data_dir, 3600);

    config_.data_dir = dir_.path() + "/kbs";
    config_.verifier = {};
    config_.attestation.remote_grpc = as.faces.attestation_grpc;
    config_.token.trusted_issuers = {StrCat("CoCo-Attestation-Service ", jwks)};
    config_.admin = {.mode = "jwt",
                     .public_keys = {dir_.path() + "/admin.pub"},
                     .issuer = "",
                     .audience = "cc-trustee",
                     .rules = {"owner /kbs/v0/.*"}};
    Start();
  }
  absl::StatusOr<SecretBytes> Get(attest::KbsOptions options = {}) {
    return Guest(std::move(options))->Get(*attest::ResourceUri::Parse("kbs:///default/key/1"));
  }

  std::unique_ptr<Service> as_;
  std::string as_url_;
};

TEST_F(RemoteAsTest, AGuestIsServedAsByOneProcess) {
  PutResource("default/key/1", "the secret");
  const auto denied = Get();
  EXPECT_EQ(denied.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(denied.status().ToString(), HasSubstr("cpu0 is contraindicated"));
  EndorseSample();
  const auto released = Get();
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->view(), "the secret");
  // The values are there, not here.
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/svn").body, "[\"1\"]");
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/none").status, 404);
  url_ = as_url_;
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/svn").body, "[\"1\"]");
}

TEST_F(RemoteAsTest, InitdataTravelsAsText) {
  PutResource("default/key/1", "x");
  EndorseSample();
  const std::string toml = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"a\" = \"b\"\n";
  ASSERT_EQ(SetPolicy("resource-policy",
                      "package policy\nimport rego.v1\nallow if "
                      "input.submods.cpu0[\"ear.veraison.annotated-evidence\"].init_data_claims.a == \"b\"\n")
                .status,
            200);
  EXPECT_FALSE(Get().ok());
  attest::KbsOptions options;
  options.init_data = toml;
  const auto released = Get(std::move(options));
  EXPECT_TRUE(released.ok()) << released.status();
}

TEST_F(RemoteAsTest, PoliciesAreSetThereByItsAdministratorsOnly) {
  EXPECT_EQ(SetPolicy("default_cpu", "package policy\ntrust_claims := {\"hardware\": 2}\n").status, 200);
  EXPECT_EQ(SetPolicy("default_cpu", "package policy\ntrust_claims := {").status, 400);
  EXPECT_EQ(Admin("GET", "/kbs/v0/attestation-policy").status, 501);
  EXPECT_EQ(Admin("DELETE", "/kbs/v0/reference-value/svn").status, 501);
  EXPECT_EQ(Call("GET", "/.well-known/jwks.json").status, 404);
  PutResource("default/key/1", "x");
  EXPECT_TRUE(Get().ok());
}

TEST_F(RemoteAsTest, WhatTheServiceRefusesIsRefused) {
  const Session session = Auth();
  json message = Attestation(session.nonce, jwk_);
  message["tee-evidence"]["primary_evidence"]["report_data"] = jose::Base64Encode(std::string(48, 'x'));
  const Response response = Attest(session, message);
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(Detail(response), HasSubstr("'report_data' is not bound"));
}

TEST_F(RemoteAsTest, AServiceThatIsAwayIs503) {
  as_.reset();
  const Session session = Auth();
  const Response response = Attest(session, Attestation(session.nonce, jwk_));
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(Detail(response), HasSubstr("attestation service cannot be reached"));
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
}

TEST(RemoteAsAddressTest, OtherMachinesNeedAnInsecureSetting) {
  EXPECT_THAT(RemoteAs::Create("10.0.0.1:50004").status().ToString(), HasSubstr("insecure_plaintext"));
  EXPECT_TRUE(RemoteAs::Create("127.0.0.1:50004").ok());
  EXPECT_TRUE(RemoteAs::Create("10.0.0.1:50004", AllowPlaintextGrpc{}).ok());
}

}  // namespace
}  // namespace cc::trustee
