// SPDX-License-Identifier: Apache-2.0
#include "trustee/faces/remote_as.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "coco/attestation.grpc.pb.h"
#include "coco/reference.grpc.pb.h"
#include "jose/base64.h"

namespace cc::trustee {
namespace {

// A verifier may have to fetch certificates; a guest waits at most a minute.
constexpr std::chrono::seconds kAppraisalTime(30);
constexpr std::chrono::seconds kAdministrationTime(10);
constexpr int kMaxMessage = 4 << 20;

// The codes are the same numbers.
absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnavailable) {
    return absl::UnavailableError(
        StrCat("the attestation service cannot be reached: ", status.error_message()));
  }
  return absl::Status(code, status.error_message());
}

void Prepare(grpc::ClientContext& context, std::chrono::seconds time, const std::string& authorization = {}) {
  context.set_deadline(std::chrono::system_clock::now() + time);
  if (!authorization.empty()) context.AddMetadata("authorization", authorization);
}

std::string_view HashName(jose::Hash hash) {
  return hash == jose::Hash::kSha256 ? "sha256" : hash == jose::Hash::kSha384 ? "sha384" : "sha512";
}

void Fill(const EvidenceItem& item, attestation::IndividualAttestationRequest& request) {
  request.set_tee(item.tee);
  request.set_evidence(jose::Base64UrlEncode(item.evidence.dump()));
  if (item.report_data.has_value()) {
    request.set_raw_runtime_data(jose::Base64UrlEncode(*item.report_data));
  } else {
    request.set_structured_runtime_data(item.runtime_data.dump());
  }
  request.set_runtime_data_hash_algorithm(std::string(HashName(item.hash)));
  if (!item.init_data.has_value()) return;
  if (item.init_data->text.empty()) {
    request.set_init_data_digest(jose::Base64UrlEncode(item.init_data->digest));
  } else {
    request.set_init_data_toml(item.init_data->text);
  }
}

}  // namespace

struct RemoteAs::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel) : as(channel), rvps(channel) {}
  // One port serves both, as upstream's does.
  attestation::AttestationService::Stub as;
  reference::ReferenceValueProviderService::Stub rvps;
};

RemoteAs::RemoteAs(std::unique_ptr<Stubs> stubs) : stubs_(std::move(stubs)) {}
RemoteAs::~RemoteAs() = default;

absl::StatusOr<std::shared_ptr<RemoteAs>> RemoteAs::Create(const std::string& address) {
  CC_RETURN_IF_ERROR(CheckLocalGrpc(address));
  return Create(address, AllowPlaintextGrpc{});
}

absl::StatusOr<std::shared_ptr<RemoteAs>> RemoteAs::Create(const std::string& address, AllowPlaintextGrpc) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  // A service that starts again is found soon; gRPC would otherwise wait longer after each failure.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  return std::shared_ptr<RemoteAs>(new RemoteAs(std::make_unique<Stubs>(channel)));
}

absl::Status RemoteAs::CheckTee(std::string_view) const { return absl::OkStatus(); }

absl::StatusOr<std::string> RemoteAs::Appraise(const std::vector<EvidenceItem>& items,
                                               const std::string& policy_id,
                                               const std::string& session) const {
  attestation::AttestationRequest request;
  request.add_policy_ids(policy_id);
  for (const EvidenceItem& item : items) Fill(item, *request.add_verification_requests());
  grpc::ClientContext context;
  Prepare(context, kAppraisalTime);
  attestation::AttestationResponse response;
  const absl::Status status = FromGrpc(stubs_->as.AttestationEvaluate(&context, request, &response));
  log::Write(status.ok() ? log::Level::kInfo : log::Level::kWarning, "appraised elsewhere",
             {{"session", session},
              {"tee", items.empty() ? std::string() : items[0].tee},
              {"refused", status.ok() ? std::string() : std::string(MessageOf(status))}});
  CC_RETURN_IF_ERROR(status);
  return response.attestation_token();
}

absl::Status RemoteAs::SetPolicy(const std::string& id, const std::string& text,
                                 const std::string& authorization) {
  attestation::SetPolicyRequest request;
  request.set_policy_id(id);
  request.set_policy(jose::Base64UrlEncode(text));
  grpc::ClientContext context;
  Prepare(context, kAdministrationTime, authorization);
  attestation::SetPolicyResponse response;
  return FromGrpc(stubs_->as.SetAttestationPolicy(&context, request, &response));
}

absl::Status RemoteAs::RegisterReferenceValues(const std::string& message, const std::string& authorization) {
  reference::ReferenceValueRegisterRequest request;
  request.set_message(message);
  grpc::ClientContext context;
  Prepare(context, kAdministrationTime, authorization);
  reference::ReferenceValueRegisterResponse response;
  return FromGrpc(stubs_->rvps.RegisterReferenceValue(&context, request, &response));
}

absl::StatusOr<std::optional<std::string>> RemoteAs::QueryReferenceValue(const std::string& name) const {
  reference::ReferenceValueQueryRequest request;
  request.set_reference_value_id(name);
  grpc::ClientContext context;
  Prepare(context, kAdministrationTime);
  reference::ReferenceValueQueryResponse response;
  CC_RETURN_IF_ERROR(FromGrpc(stubs_->rvps.QueryReferenceValue(&context, request, &response)));
  if (!response.has_reference_value_results()) return std::optional<std::string>();
  return std::optional<std::string>(response.reference_value_results());
}

}  // namespace cc::trustee
