// SPDX-License-Identifier: Apache-2.0
#include "trustee/faces/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "coco/attestation.grpc.pb.h"
#include "coco/reference.grpc.pb.h"
#include "jose/base64.h"
#include "trustee/faces/appraisal_request.h"
#include "trustee/faces/restful_as.h"

namespace cc::trustee {
namespace {

constexpr int kMaxThreads = 32;
constexpr int kMaxMessage = 4 << 20;
constexpr std::chrono::seconds kGrace(1);

// The codes are the same numbers.
grpc::Status ToGrpc(const absl::Status& status, std::string_view method, const grpc::ServerContext& context) {
  if (status.ok()) return grpc::Status::OK;
  log::Warning("gRPC: request refused", {{"method", method}, {"peer", context.peer()}, {"error", status}});
  return {static_cast<grpc::StatusCode>(status.code()), std::string(MessageOf(status))};
}

absl::Status CheckAdmin(const AdminAuth& admin, const grpc::ServerContext& context, std::string_view path) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  const std::string_view authorization = found == metadata.end()
                                             ? std::string_view()
                                             : std::string_view(found->second.data(), found->second.size());
  CC_ASSIGN_OR_RETURN(const std::string role, admin.Check(authorization, path));
  log::Info("administration", {{"method", "gRPC"}, {"path", path}, {"peer", context.peer()}, {"role", role}});
  return absl::OkStatus();
}

class AttestationGrpc final : public attestation::AttestationService::Service {
 public:
  explicit AttestationGrpc(GrpcServer::Parts parts) : parts_(std::move(parts)) {}

  grpc::Status AttestationEvaluate(grpc::ServerContext* context,
                                   const attestation::AttestationRequest* request,
                                   attestation::AttestationResponse* response) override {
    std::vector<EvidenceText> texts;
    for (const auto& piece : request->verification_requests()) texts.push_back(TextOf(piece));
    absl::StatusOr<std::string> token =
        AppraiseAll(*parts_.attestation, texts, {request->policy_ids().begin(), request->policy_ids().end()});
    if (token.ok()) response->set_attestation_token(*std::move(token));
    return ToGrpc(token.status(), "AttestationEvaluate", *context);
  }

  grpc::Status SetAttestationPolicy(grpc::ServerContext* context,
                                    const attestation::SetPolicyRequest* request,
                                    attestation::SetPolicyResponse*) override {
    return ToGrpc(SetPolicy(*context, *request), "SetAttestationPolicy", *context);
  }

  grpc::Status GetAttestationChallenge(grpc::ServerContext* context, const attestation::ChallengeRequest*,
                                       attestation::ChallengeResponse*) override {
    return ToGrpc(absl::UnimplementedError("challenge: no kind of TEE that is served here needs one"),
                  "GetAttestationChallenge", *context);
  }

 private:
  static EvidenceText TextOf(const attestation::IndividualAttestationRequest& request) {
    EvidenceText text{.tee = request.tee(), .evidence = request.evidence()};
    if (request.has_raw_runtime_data()) text.raw_runtime_data = request.raw_runtime_data();
    if (request.has_structured_runtime_data()) {
      text.structured_runtime_data = request.structured_runtime_data();
    }
    if (request.has_init_data_digest()) text.init_data_digest = request.init_data_digest();
    if (request.has_init_data_toml()) text.init_data_toml = request.init_data_toml();
    text.hash_algorithm = request.runtime_data_hash_algorithm();
    return text;
  }

  absl::Status SetPolicy(const grpc::ServerContext& context, const attestation::SetPolicyRequest& request) {
    CC_RETURN_IF_ERROR(CheckAdmin(*parts_.admin, context, kAttestationPolicyPath));
    CC_ASSIGN_OR_RETURN(const std::string text, jose::Base64UrlDecode(request.policy()));
    return parts_.policies->Set(PolicyKind::kAttestation, request.policy_id(), text);
  }

  const GrpcServer::Parts parts_;
};

class ReferenceValuesGrpc final : public reference::ReferenceValueProviderService::Service {
 public:
  explicit ReferenceValuesGrpc(GrpcServer::Parts parts) : parts_(std::move(parts)) {}

  grpc::Status QueryReferenceValue(grpc::ServerContext* context,
                                   const reference::ReferenceValueQueryRequest* request,
                                   reference::ReferenceValueQueryResponse* response) override {
    absl::StatusOr<std::optional<std::string>> value =
        parts_.reference_values->Query(request->reference_value_id());
    if (value.ok() && value->has_value()) response->set_reference_value_results(**std::move(value));
    return ToGrpc(value.status(), "QueryReferenceValue", *context);
  }

  grpc::Status RegisterReferenceValue(grpc::ServerContext* context,
                                      const reference::ReferenceValueRegisterRequest* request,
                                      reference::ReferenceValueRegisterResponse*) override {
    absl::Status status = CheckAdmin(*parts_.admin, *context, kReferenceValuePath);
    if (status.ok()) {
      const absl::StatusOr<std::vector<std::string>> names =
          parts_.reference_values->Register(request->message());
      status = names.status();
      if (names.ok()) log::Info("reference values registered", {{"names", StrJoin(*names, " ")}});
    }
    return ToGrpc(status, "RegisterReferenceValue", *context);
  }

 private:
  const GrpcServer::Parts parts_;
};

}  // namespace

absl::Status CheckLocalGrpc(const std::string& address) {
  for (const char* local : {"unix:", "127.0.0.1:", "[::1]:"}) {
    if (address.starts_with(local)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("gRPC at ", address,
             ": there is no TLS on it; use unix:/PATH or 127.0.0.1:PORT, or set insecure_plaintext = true"));
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const std::string& address, Parts parts) {
  CC_RETURN_IF_ERROR(CheckLocalGrpc(address));
  return Start(address, std::move(parts), AllowPlaintextGrpc{});
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const std::string& address, Parts parts,
                                                              AllowPlaintextGrpc) {
  std::unique_ptr<GrpcServer> server(new GrpcServer());
  if (parts.attestation != nullptr) server->services_.push_back(std::make_unique<AttestationGrpc>(parts));
  server->services_.push_back(std::make_unique<ReferenceValuesGrpc>(std::move(parts)));
  grpc::ServerBuilder builder;
  int port = 0;
  // Two services on one port would each get some of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.SetResourceQuota(grpc::ResourceQuota("trustee").SetMaxThreads(kMaxThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  for (const auto& service : server->services_) builder.RegisterService(service.get());
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || port == 0) {
    return absl::UnavailableError(StrCat("gRPC: cannot listen on ", address, "; is the address in use?"));
  }
  server->address_ = address;
  if (!address.starts_with("unix:")) {
    server->address_ = StrCat(address.substr(0, address.rfind(':')), ":", port);
  }
  return server;
}

GrpcServer::~GrpcServer() { Stop(); }

void GrpcServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + kGrace);
  server_->Wait();
  server_ = nullptr;
}

}  // namespace cc::trustee
