// SPDX-License-Identifier: Apache-2.0
// The faces over real sockets: gRPC with a generated client, REST with messages made by hand.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include "attest/as_client.h"
#include "coco/attestation.grpc.pb.h"
#include "coco/reference.grpc.pb.h"
#include "jose/jws.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kAllow[] =
    "package policy\ntrust_claims := {\"executables\": 2, \"hardware\": 2, \"configuration\": 2}\n";

class FacesTest : public ServiceTest {
 protected:
  FacesTest() {
    config_.faces = {.attestation_grpc = "127.0.0.1:0",
                     .attestation_rest = "127.0.0.1:0",
                     .reference_grpc = StrCat("unix:", dir_.path(), "/rvps.sock")};
  }
  void SetUp() override {
    Start();
    attestation_ = attestation::AttestationService::NewStub(Channel(service_->faces().attestation_grpc));
    reference_ = reference::ReferenceValueProviderService::NewStub(Channel(service_->faces().reference_grpc));
  }
  static std::shared_ptr<grpc::Channel> Channel(const std::string& address) {
    return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  }

  static std::string Evidence(std::string_view report_data) {
    return jose::Base64UrlEncode(json{{"svn", "1"}, {"report_data", jose::Base64Encode(report_data)}}.dump());
  }
  static std::string Bound(const json& runtime_data) {
    return jose::Digest(jose::Hash::kSha384, *jose::CanonicalJson(runtime_data));
  }
  static json Cpu(const std::string& token) {
    const auto jws = jose::PeekCompact(token);
    EXPECT_TRUE(jws.ok()) << token;
    return json::parse(jws->payload)["submods"]["cpu0"];
  }

  grpc::Status Evaluate(const attestation::AttestationRequest& request, std::string* token) {
    grpc::ClientContext context;
    attestation::AttestationResponse response;
    const grpc::Status status = attestation_->AttestationEvaluate(&context, request, &response);
    *token = response.attestation_token();
    return status;
  }
  grpc::Status SetPolicy(const std::string& bearer) {
    grpc::ClientContext context;
    if (!bearer.empty()) context.AddMetadata("authorization", StrCat("Bearer ", bearer));
    attestation::SetPolicyRequest request;
    request.set_policy_id("lenient_cpu");
    request.set_policy(jose::Base64UrlEncode(kAllow));
    attestation::SetPolicyResponse response;
    return attestation_->SetAttestationPolicy(&context, request, &response);
  }
  template <typename Stub>
  static grpc::Status Register(Stub& stub, const json& values, const std::string& bearer) {
    grpc::ClientContext context;
    if (!bearer.empty()) context.AddMetadata("authorization", StrCat("Bearer ", bearer));
    reference::ReferenceValueRegisterRequest request;
    request.set_message(
        json{{"version", "0.1.0"}, {"type", "sample"}, {"payload", jose::Base64Encode(values.dump())}}
            .dump());
    reference::ReferenceValueRegisterResponse response;
    return stub.RegisterReferenceValue(&context, request, &response);
  }
  template <typename Stub>
  static std::string Query(Stub& stub, const std::string& name) {
    grpc::ClientContext context;
    reference::ReferenceValueQueryRequest request;
    request.set_reference_value_id(name);
    reference::ReferenceValueQueryResponse response;
    const grpc::Status status = stub.QueryReferenceValue(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.has_reference_value_results() ? response.reference_value_results() : "absent";
  }
  Response Rest(const std::string& method, const std::string& path, const std::string& body = "",
                bool admin = false) {
    url_ = StrCat("http://", service_->faces().attestation_rest);
    return admin ? Admin(method, path, body) : Call(method, path, body);
  }

  std::unique_ptr<attestation::AttestationService::Stub> attestation_;
  std::unique_ptr<reference::ReferenceValueProviderService::Stub> reference_;
};

TEST_F(FacesTest, GrpcEvaluatesStructuredAndRawRuntimeData) {
  EndorseSample();
  const json runtime_data = {{"nonce", "n"}, {"a", {1, 2}}};
  attestation::AttestationRequest request;
  auto* piece = request.add_verification_requests();
  piece->set_tee("sample");
  piece->set_evidence(Evidence(Bound(runtime_data)));
  piece->set_structured_runtime_data(" { \"nonce\": \"n\", \"a\": [1, 2] } ");
  std::string token;
  grpc::Status status = Evaluate(request, &token);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Cpu(token)["ear.status"], "affirming");
  EXPECT_EQ(Cpu(token)["ear.veraison.annotated-evidence"]["runtime_data_claims"], runtime_data);

  piece->set_raw_runtime_data(jose::Base64UrlEncode("these bytes"));
  piece->set_evidence(Evidence("these bytes"));
  status = Evaluate(request, &token);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(Cpu(token)["ear.veraison.annotated-evidence"]["runtime_data_claims"].is_null());
}

TEST_F(FacesTest, GrpcRefusesWithTheCodeAndTheReason) {
  struct Case {
    const char* name;
    std::function<void(attestation::IndividualAttestationRequest*)> change;
    grpc::StatusCode code;
  };
  const Case cases[] = {
      {"not bound", [](auto* piece) { piece->clear_structured_runtime_data(); },
       grpc::StatusCode::INVALID_ARGUMENT},
      {"empty raw", [](auto* piece) { piece->set_raw_runtime_data(""); }, grpc::StatusCode::INVALID_ARGUMENT},
      {"other data", [](auto* piece) { piece->set_structured_runtime_data("{\"x\":1}"); },
       grpc::StatusCode::PERMISSION_DENIED},
      {"no object", [](auto* piece) { piece->set_structured_runtime_data("[1]"); },
       grpc::StatusCode::INVALID_ARGUMENT},
      {"other hash", [](auto* piece) { piece->set_runtime_data_hash_algorithm("sha512"); },
       grpc::StatusCode::PERMISSION_DENIED},
      {"no hash", [](auto* piece) { piece->set_runtime_data_hash_algorithm("crc32"); },
       grpc::StatusCode::INVALID_ARGUMENT},
      {"standard base64", [](auto* piece) { piece->set_evidence("e30+=="); },
       grpc::StatusCode::INVALID_ARGUMENT},
      {"unknown tee", [](auto* piece) { piece->set_tee("tdx"); }, grpc::StatusCode::UNIMPLEMENTED},
      {"bad initdata", [](auto* piece) { piece->set_init_data_toml("= nonsense"); },
       grpc::StatusCode::INVALID_ARGUMENT},
      {"long digest", [](auto* piece) { piece->set_init_data_digest(std::string(100, 'A')); },
       grpc::StatusCode::INVALID_ARGUMENT},
  };
  for (const Case& test : cases) {
    attestation::AttestationRequest request;
    auto* piece = request.add_verification_requests();
    piece->set_tee("sample");
    piece->set_evidence(Evidence(Bound({{"nonce", "n"}})));
    piece->set_structured_runtime_data("{\"nonce\":\"n\"}");
    test.change(piece);
    std::string token;
    const grpc::Status status = Evaluate(request, &token);
    EXPECT_EQ(status.error_code(), test.code) << test.name << ": " << status.error_message();
    EXPECT_FALSE(status.error_message().empty()) << test.name;
    EXPECT_EQ(token, "");
  }
  std::string token;
  EXPECT_EQ(Evaluate({}, &token).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(FacesTest, GrpcAdministrationNeedsTheRightsOfTheKbs) {
  EXPECT_EQ(SetPolicy("").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(SetPolicy("forged.token.here").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Register(*reference_, {{"svn", {"1"}}}, "").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Query(*reference_, "svn"), "absent");
  ASSERT_TRUE(SetPolicy(admin_).ok());
  attestation::AttestationRequest request;
  request.add_policy_ids("lenient");
  auto* piece = request.add_verification_requests();
  piece->set_tee("sample");
  piece->set_evidence(Evidence("bytes"));
  piece->set_raw_runtime_data(jose::Base64UrlEncode("bytes"));
  std::string token;
  ASSERT_TRUE(Evaluate(request, &token).ok());
  EXPECT_EQ(Cpu(token)["ear.appraisal-policy-id"], "lenient");
  EXPECT_EQ(Cpu(token)["ear.status"], "affirming");
}

TEST_F(FacesTest, ReferenceValuesAreTheSameOnEveryFace) {
  const auto both =
      reference::ReferenceValueProviderService::NewStub(Channel(service_->faces().attestation_grpc));
  ASSERT_TRUE(Register(*reference_, {{"rvps:///a/b:1", {"x", 2}}}, admin_).ok());
  EXPECT_EQ(Query(*both, "rvps:///a/b:1"), "[\"x\",2]");
  ASSERT_TRUE(Register(*both, {{"svn", 7}}, admin_).ok());
  EXPECT_EQ(Query(*reference_, "svn"), "7");
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/svn").body, "7");
}

TEST_F(FacesTest, RestAnswersAsUpstreamsService) {
  EndorseSample();
  const json runtime_data = {{"nonce", "n"}};
  const json request = {{"verification_requests",
                         {{{"tee", "sample"},
                           {"evidence", Evidence(Bound(runtime_data))},
                           {"runtime_data", {{"structured", runtime_data}}},
                           {"init_data", nullptr},
                           {"runtime_data_hash_algorithm", "sha384"}}}},
                        {"policy_ids", json::array()}};
  const Response token = Rest("POST", "/attestation", request.dump());
  ASSERT_EQ(token.status, 200) << token.body;
  EXPECT_EQ(Cpu(token.body)["ear.status"], "affirming");
  EXPECT_EQ(Rest("GET", "/healthz").status, 200);
  EXPECT_EQ(json::parse(Rest("GET", "/.well-known/jwks.json").body)["keys"].size(), 1u);
  EXPECT_EQ(Rest("POST", "/challenge", "{\"tee\":\"sample\",\"tee_params\":\"\"}").status, 501);

  const std::string policy =
      json{{"policy_id", "lenient_cpu"}, {"policy", jose::Base64UrlEncode(kAllow)}}.dump();
  EXPECT_EQ(Rest("POST", "/policy", policy).status, 401);
  EXPECT_EQ(Rest("GET", "/policy").status, 401);
  EXPECT_EQ(Rest("POST", "/policy", policy, true).status, 200);
  EXPECT_EQ(Rest("GET", "/policy", "", true).body,
            "[{\"policy-id\":\"default_cpu\"},{\"policy-id\":\"lenient_cpu\"}]");
  EXPECT_EQ(Rest("GET", "/policy/lenient_cpu", "", true).body, kAllow);
  EXPECT_EQ(Rest("GET", "/policy/none", "", true).status, 404);
}

TEST_F(FacesTest, TheGuestsClientGetsATokenOverRest) {
  EndorseSample();
  const auto client =
      attest::AsClient::Create({.url = StrCat("http://", service_->faces().attestation_rest)},
                               std::make_shared<attest::SampleAttester>(attest::AllowSampleEvidence()));
  ASSERT_TRUE(client.ok()) << client.status();
  const auto token = (*client)->GetToken();
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(Cpu(*token)["ear.status"], "affirming");
  EXPECT_EQ(Cpu(*token)["ear.veraison.annotated-evidence"]["runtime_data_claims"]["nonce"]
                .get<std::string>()
                .size(),
            44u);
}

TEST_F(FacesTest, RestRefusesWhatIsNoRequest) {
  const std::pair<const char*, unsigned> cases[] = {
      {"", 400},
      {"{}", 400},
      {R"({"verification_requests": []})", 400},
      {R"({"verification_requests": [7]})", 400},
      {R"({"verification_requests": [{"tee": "sample", "evidence": "e30"}]})", 400},
      {R"({"verification_requests": [{"tee": "sample", "evidence": "e30", "runtime_data": {"raw": 7}}]})",
       400},
      {R"({"verification_requests": [{"tee": "sample", "evidence": "e30", "runtime_data": {}}]})", 400},
      {R"({"verification_requests": [{"tee": "tdx", "evidence": "e30", "runtime_data": {"raw": "AAAA"}}]})",
       501},
      {R"({"verification_requests": [], "policy_ids": "default"})", 400},
  };
  for (const auto& [body, status] : cases) {
    const Response answer = Rest("POST", "/attestation", body);
    EXPECT_EQ(answer.status, status) << body << "\n" << answer.body;
    EXPECT_GT(answer.body.size(), 10u);
  }
  for (const char* path : {"/", "/kbs/v0/auth", "/policy/a/b", "/attestation/x"}) {
    EXPECT_EQ(Rest("POST", path, "{}").status, 404) << path;
  }
}

TEST(FaceAddressTest, GrpcForOtherMachinesNeedsAnInsecureSetting) {
  const TempDir dir = *TempDir::Create("faces");
  Config config = Config::Embedded();
  config.listen = "";
  config.data_dir = dir.path() + "/data";
  config.faces.reference_grpc = "0.0.0.0:0";
  const auto refused = Service::Start(config);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("0.0.0.0"), HasSubstr("insecure_plaintext")));
  config.faces.insecure_plaintext = true;
  const auto started = Service::Start(config);
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ((*started)->address(), "") << "reference values only: no KBS";
}

}  // namespace
}  // namespace cc::trustee
