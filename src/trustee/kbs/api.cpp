// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/api.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "trustee/kbs/error.h"
#include "trustee/kbs/messages.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

HttpResponse Text(std::string_view content_type, std::string body) {
  HttpResponse response;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

HttpResponse Json(std::string body) { return Text("application/json", std::move(body)); }

absl::StatusOr<std::string> ReferenceName(const std::vector<std::string>& path) {
  std::vector<std::string> decoded;
  for (const std::string& segment : path) {
    CC_ASSIGN_OR_RETURN(std::string part, PercentDecode(segment));
    decoded.push_back(std::move(part));
  }
  return StrJoin(decoded, "/");
}

HttpResponse PolicyResult(const absl::Status& status) {
  if (status.ok()) return {};
  if (absl::IsResourceExhausted(status))
    return ErrorResponse(KbsErrorType::kParsePolicy, MessageOf(status), 413);
  return ErrorResponse(KbsErrorType::kParsePolicy, status);
}

HttpResponse PolicyIds(const absl::StatusOr<std::vector<std::string>>& ids) {
  if (!ids.ok()) return ErrorResponse(KbsErrorType::kStorage, ids.status());
  return Json(json(*ids).dump());
}

// CoCo's gRPC interface has no such call.
HttpResponse NotWithRemote(std::string_view what) {
  return ErrorResponse(KbsErrorType::kPluginInternal,
                       StrCat(what, ": ask the attestation service itself, which is another process here"),
                       501);
}

}  // namespace

const Api::Route Api::kRoutes[] = {
    {"auth", "POST", false, false, &Api::Auth},
    {"attest", "POST", false, false, &Api::Attest},
    {"resource", "GET", true, false, &Api::GetResource},
    {"resource", "POST", true, true, &Api::PutResource},
    {"resource", "DELETE", true, true, &Api::RemoveResource},
    {"resource-policy", "POST", false, true, &Api::SetResourcePolicy},
    {"resource-policy", "GET", false, true, &Api::ListResourcePolicies},
    {"attestation-policy", "POST", false, true, &Api::SetAttestationPolicy},
    {"attestation-policy", "GET", false, true, &Api::ListAttestationPolicies},
    {"reference-value", "POST", false, true, &Api::RegisterReferenceValue},
    {"reference-value", "GET", true, true, &Api::QueryReferenceValue},
    {"reference-value", "DELETE", true, true, &Api::RemoveReferenceValue},
    {"explain", "GET", true, true, &Api::Explain},
};

HttpResponse Api::Handle(const HttpRequest& request) const {
  std::string endpoint = "other";
  HttpResponse response = Dispatch(request, &endpoint);
  parts_.metrics->CountRequest(endpoint, response.status);
  if (response.status >= 500) {
    log::Error("request failed",
               {{"endpoint", endpoint}, {"status", response.status}, {"answer", response.body}});
  }
  return response;
}

HttpResponse Api::Public(const HttpRequest& request, const Target& target) const {
  if (request.method == "GET" && target.query.empty()) {
    if (target.path == "/healthz") return Text("text/plain", "OK\n");
    if (target.path == "/metrics") return Text("text/plain; version=0.0.4", parts_.metrics->Render());
    if (target.path == "/.well-known/jwks.json" && parts_.attestation != nullptr)
      return Json(parts_.attestation->issuer().Jwks());
  }
  return ErrorResponse(KbsErrorType::kInvalidRequestPath, "there is nothing at this path");
}

HttpResponse Api::Dispatch(const HttpRequest& request, std::string* endpoint) const {
  const absl::StatusOr<Target> target = ParseTarget(request.target);
  if (!target.ok()) return ErrorResponse(KbsErrorType::kInvalidRequestPath, target.status());
  const Path& segments = target->segments;
  if (segments.size() < 3 || segments[0] != "kbs" || segments[1] != "v0") return Public(request, *target);
  const Path rest(segments.begin() + 3, segments.end());
  bool known = false;
  for (const Route& route : kRoutes) {
    if (route.name != segments[2]) continue;
    known = true;
    *endpoint = route.name;
    if (route.method != request.method || route.deep == rest.empty()) continue;
    if (route.admin) {
      const absl::StatusOr<std::string> role = parts_.admin->Check(request.authorization, target->path);
      log::Write(role.ok() ? log::Level::kInfo : log::Level::kWarning, "administration",
                 {{"method", request.method},
                  {"path", target->path},
                  {"peer", request.peer},
                  {"role", role.ok() ? *role : std::string()},
                  {"refused", role.ok() ? std::string() : std::string(MessageOf(role.status()))}});
      if (!role.ok()) {
        return ErrorResponse(KbsErrorType::kAdminAuthAccess, role.status(),
                             absl::IsPermissionDenied(role.status()) ? 403 : 401);
      }
    }
    return (this->*route.handler)(request, *target, rest);
  }
  if (known) return ErrorResponse(KbsErrorType::kPluginNotFound, "not with this method or this path", 405);
  return ErrorResponse(KbsErrorType::kPluginNotFound,
                       StrCat("there is no plugin '", std::string_view(segments[2]).substr(0, 64), "'"));
}

HttpResponse Api::Auth(const HttpRequest& request, const Target&, const Path&) const {
  return parts_.handshake->Auth(request);
}

HttpResponse Api::Attest(const HttpRequest& request, const Target&, const Path&) const {
  return parts_.handshake->Attest(request);
}

HttpResponse Api::GetResource(const HttpRequest& request, const Target& target, const Path& path) const {
  return parts_.resources->Get(request, target, path);
}

HttpResponse Api::PutResource(const HttpRequest& request, const Target&, const Path& path) const {
  return parts_.resources->Put(request, path);
}

HttpResponse Api::RemoveResource(const HttpRequest&, const Target&, const Path& path) const {
  return parts_.resources->Remove(path);
}

HttpResponse Api::SetResourcePolicy(const HttpRequest& request, const Target&, const Path&) const {
  const absl::StatusOr<std::string> text = ParseResourcePolicy(request.body);
  if (!text.ok()) return PolicyResult(text.status());
  return PolicyResult(parts_.policies->Set(PolicyKind::kResource, std::string(kResourcePolicyId), *text));
}

HttpResponse Api::ListResourcePolicies(const HttpRequest&, const Target&, const Path&) const {
  return PolicyIds(parts_.policies->List(PolicyKind::kResource));
}

HttpResponse Api::SetAttestationPolicy(const HttpRequest& request, const Target&, const Path&) const {
  const absl::StatusOr<AttestationPolicyRequest> policy = ParseAttestationPolicy(request.body);
  if (!policy.ok()) return PolicyResult(policy.status());
  if (parts_.remote != nullptr) {
    return PolicyResult(parts_.remote->SetPolicy(policy->id, policy->text, request.authorization));
  }
  return PolicyResult(parts_.policies->Set(PolicyKind::kAttestation, policy->id, policy->text));
}

HttpResponse Api::ListAttestationPolicies(const HttpRequest&, const Target&, const Path&) const {
  if (parts_.remote != nullptr) return NotWithRemote("list attestation policies");
  return PolicyIds(parts_.policies->List(PolicyKind::kAttestation));
}

HttpResponse Api::RegisterReferenceValue(const HttpRequest& request, const Target&, const Path&) const {
  if (parts_.remote != nullptr) {
    const absl::Status status = parts_.remote->RegisterReferenceValues(request.body, request.authorization);
    return status.ok() ? Json("") : ErrorResponse(KbsErrorType::kRvps, status);
  }
  const absl::StatusOr<std::vector<std::string>> names = parts_.reference_values->Register(request.body);
  if (!names.ok()) return ErrorResponse(KbsErrorType::kRvps, names.status());
  log::Info("reference values registered", {{"names", StrJoin(*names, " ")}});
  return Json("");
}

HttpResponse Api::QueryReferenceValue(const HttpRequest&, const Target&, const Path& path) const {
  const absl::StatusOr<std::string> name = ReferenceName(path);
  if (!name.ok()) return ErrorResponse(KbsErrorType::kInvalidRequestPath, name.status());
  absl::StatusOr<std::optional<std::string>> value = parts_.remote != nullptr
                                                         ? parts_.remote->QueryReferenceValue(*name)
                                                         : parts_.reference_values->Query(*name);
  if (!value.ok()) return ErrorResponse(KbsErrorType::kRvps, value.status(), 500);
  if (value->has_value()) return Json(**std::move(value));
  const bool expired = parts_.remote == nullptr && parts_.reference_values->Expired(*name);
  return ErrorResponse(
      KbsErrorType::kRvps,
      StrCat("reference value '", *name, "' ", expired ? "has expired" : "is not registered"), 404);
}

HttpResponse Api::RemoveReferenceValue(const HttpRequest&, const Target&, const Path& path) const {
  const absl::StatusOr<std::string> name = ReferenceName(path);
  if (!name.ok()) return ErrorResponse(KbsErrorType::kInvalidRequestPath, name.status());
  if (parts_.remote != nullptr) return NotWithRemote("remove a reference value");
  const absl::StatusOr<bool> removed = parts_.reference_values->Remove(*name);
  if (!removed.ok()) return ErrorResponse(KbsErrorType::kRvps, removed.status(), 500);
  if (!*removed)
    return ErrorResponse(KbsErrorType::kRvps, StrCat("reference value '", *name, "' is not registered"), 404);
  return {};
}

HttpResponse Api::Explain(const HttpRequest&, const Target&, const Path& path) const {
  if (path.size() != 1) return ErrorResponse(KbsErrorType::kInvalidRequestPath, "expected explain/SESSION");
  absl::StatusOr<std::string> explanation = parts_.decisions->Explain(path[0]);
  if (!explanation.ok()) return ErrorResponse(KbsErrorType::kPluginInternal, explanation.status());
  return Json(*std::move(explanation));
}

}  // namespace cc::trustee
