// SPDX-License-Identifier: Apache-2.0
#include "trustee/faces/restful_as.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "trustee/faces/appraisal_request.h"
#include "trustee/kbs/path.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

HttpResponse Body(std::string_view type, std::string text) {
  HttpResponse response;
  response.content_type = type;
  response.body = std::move(text);
  return response;
}

unsigned HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

// {"raw": encoded} or {"structured": any}, {"init_data_digest": encoded} or {"init_data_toml": text}.
absl::Status ReadBinding(const json& request, EvidenceText& text) {
  const auto runtime = request.find("runtime_data");
  if (runtime != request.end() && runtime->is_object() && runtime->size() == 1) {
    if (runtime->contains("structured")) text.structured_runtime_data = runtime->at("structured").dump();
    if (runtime->contains("raw")) {
      CC_ASSIGN_OR_RETURN(text.raw_runtime_data, jose::StringMember(*runtime, "raw", "runtime_data"));
    }
  } else if (runtime != request.end() && !runtime->is_null()) {
    return absl::InvalidArgumentError("runtime_data: expected {\"raw\": …} or {\"structured\": …}");
  }
  const auto init = request.find("init_data");
  if (init == request.end() || init->is_null()) return absl::OkStatus();
  if (init->is_object() && init->size() == 1 && init->contains("init_data_toml")) {
    CC_ASSIGN_OR_RETURN(text.init_data_toml, jose::StringMember(*init, "init_data_toml", "init_data"));
  } else if (init->is_object() && init->size() == 1 && init->contains("init_data_digest")) {
    CC_ASSIGN_OR_RETURN(text.init_data_digest, jose::StringMember(*init, "init_data_digest", "init_data"));
  } else {
    return absl::InvalidArgumentError(
        "init_data: expected {\"init_data_digest\": …} or {\"init_data_toml\": …}");
  }
  return absl::OkStatus();
}

absl::StatusOr<EvidenceText> ReadRequest(const json& request) {
  constexpr std::string_view kWhat = "verification request";
  if (!request.is_object()) return absl::InvalidArgumentError("verification request: expected an object");
  EvidenceText text;
  CC_ASSIGN_OR_RETURN(text.tee, jose::StringMember(request, "tee", kWhat));
  CC_ASSIGN_OR_RETURN(text.evidence, jose::StringMember(request, "evidence", kWhat));
  if (request.contains("runtime_data_hash_algorithm") && !request["runtime_data_hash_algorithm"].is_null()) {
    CC_ASSIGN_OR_RETURN(text.hash_algorithm,
                        jose::StringMember(request, "runtime_data_hash_algorithm", kWhat));
  }
  CC_RETURN_IF_ERROR(ReadBinding(request, text));
  return text;
}

}  // namespace

HttpResponse RestfulAs::Handle(const HttpRequest& request) const {
  const absl::StatusOr<HttpResponse> response = Dispatch(request);
  if (response.ok()) return *response;
  log::Warning("attestation service: request refused",
               {{"peer", request.peer}, {"target", request.target}, {"error", response.status()}});
  HttpResponse refusal = Body("text/plain", StrCat(MessageOf(response.status()), "\n"));
  refusal.status = HttpStatus(response.status());
  return refusal;
}

absl::StatusOr<HttpResponse> RestfulAs::Dispatch(const HttpRequest& request) const {
  CC_ASSIGN_OR_RETURN(const Target target, ParseTarget(request.target));
  const bool post = request.method == "POST";
  if (request.method == "GET" && target.path == "/healthz") return Body("text/plain", "OK\n");
  if (request.method == "GET" && target.path == "/.well-known/jwks.json") {
    return Body("application/json", attestation_->issuer().Jwks());
  }
  if (post && target.path == "/attestation") return Attestation(request);
  if (post && target.path == "/challenge") {
    return absl::UnimplementedError("challenge: no kind of TEE that is served here needs one");
  }
  const std::vector<std::string>& segments = target.segments;
  if (!segments.empty() && segments[0] == "policy" && (segments.size() == 1 || segments.size() == 2) &&
      (request.method == "GET" || (post && segments.size() == 1))) {
    return Policy(request, segments.size() == 2 ? segments[1] : "");
  }
  return absl::NotFoundError("there is nothing at this path");
}

absl::StatusOr<HttpResponse> RestfulAs::Attestation(const HttpRequest& request) const {
  CC_ASSIGN_OR_RETURN(const json body, jose::ParseJsonObject(request.body, "attestation request"));
  const auto requests = body.find("verification_requests");
  if (requests == body.end() || !requests->is_array()) {
    return absl::InvalidArgumentError("attestation request: 'verification_requests' must be an array");
  }
  std::vector<EvidenceText> texts;
  for (const json& piece : *requests) {
    CC_ASSIGN_OR_RETURN(EvidenceText text, ReadRequest(piece));
    texts.push_back(std::move(text));
  }
  std::vector<std::string> policies;
  const auto ids = body.find("policy_ids");
  if (ids != body.end() && !ids->is_null()) {
    if (!ids->is_array()) return absl::InvalidArgumentError("attestation request: 'policy_ids' is no array");
    for (const json& id : *ids) {
      if (!id.is_string()) return absl::InvalidArgumentError("attestation request: a policy id is no string");
      policies.push_back(id.get<std::string>());
    }
  }
  CC_ASSIGN_OR_RETURN(std::string token, AppraiseAll(*attestation_, texts, policies));
  return Body("", std::move(token));
}

absl::StatusOr<HttpResponse> RestfulAs::Policy(const HttpRequest& request, const std::string& id) const {
  CC_ASSIGN_OR_RETURN(const std::string role, admin_->Check(request.authorization, kAttestationPolicyPath));
  log::Info("administration", {{"method", request.method},
                               {"path", "attestation service: policy"},
                               {"peer", request.peer},
                               {"role", role}});
  if (request.method == "POST") {
    CC_ASSIGN_OR_RETURN(const json body, jose::ParseJsonObject(request.body, "policy request"));
    CC_ASSIGN_OR_RETURN(const std::string name, jose::StringMember(body, "policy_id", "policy request"));
    CC_ASSIGN_OR_RETURN(const std::string encoded, jose::StringMember(body, "policy", "policy request"));
    CC_ASSIGN_OR_RETURN(const std::string text, jose::Base64UrlDecode(encoded));
    CC_RETURN_IF_ERROR(policies_->Set(PolicyKind::kAttestation, name, text));
    return HttpResponse{};
  }
  if (!id.empty()) {
    CC_ASSIGN_OR_RETURN(std::string text, policies_->Text(PolicyKind::kAttestation, id));
    return Body("text/plain", std::move(text));
  }
  CC_ASSIGN_OR_RETURN(const std::vector<std::string> ids, policies_->List(PolicyKind::kAttestation));
  json list = json::array();
  for (const std::string& known : ids) list.push_back({{"policy-id", known}});
  return Body("application/json", list.dump());
}

}  // namespace cc::trustee
