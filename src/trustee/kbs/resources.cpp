// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/resources.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"
#include "trustee/attestation/trust_vector.h"
#include "trustee/kbs/error.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kPolicyTime(2000);

// The session label in our own tokens.
std::string TokenLabel(const json& claims) {
  const auto id = claims.find("jti");
  return id != claims.end() && id->is_string() ? id->get<std::string>().substr(0, 64) : "foreign-token";
}

// What a token itself says against its guest, for when the decision log does not know.
std::vector<std::string> TokenObjections(const json& claims) {
  std::vector<std::string> reasons;
  const auto submods = claims.find("submods");
  if (submods == claims.end() || !submods->is_object()) return {"the token appraises nothing"};
  for (const auto& [name, submod] : submods->items()) {
    const auto status = submod.is_object() ? submod.find("ear.status") : submod.end();
    if (!submod.is_object() || status == submod.end() || *status == "affirming") continue;
    reasons.push_back(
        StrCat(name, " is ", status->is_string() ? status->get<std::string>() : "of no known status"));
    const auto vector = submod.find("ear.trustworthiness-vector");
    if (vector == submod.end()) continue;
    const absl::StatusOr<TrustVector> parsed = TrustVector::FromPolicy(*vector);
    if (!parsed.ok()) continue;
    for (const std::string& line : parsed->Objections()) reasons.push_back(line);
  }
  return reasons;
}

bool AllAffirming(const json& claims) { return TokenObjections(claims).empty(); }

}  // namespace

absl::StatusOr<std::string> Resources::FindToken(const HttpRequest& request) const {
  const std::string_view bearer = BearerToken(request.authorization);
  const std::string_view cookie = CookieValue(request.cookie, kSessionCookie);
  if (!cookie.empty()) {
    absl::StatusOr<std::string> token = parts_.sessions->Token(cookie);
    if (token.ok() || bearer.empty()) return token;
  }
  if (bearer.empty()) {
    return absl::UnauthenticatedError(
        StrCat("neither cookie ", kSessionCookie, " nor a bearer token: attest first"));
  }
  return std::string(bearer);
}

absl::Status Resources::Authorize(const json& claims, const Target& target,
                                  const std::vector<std::string>& path, const std::string& name) const {
  CC_ASSIGN_OR_RETURN(const NamedPolicy policy,
                      parts_.policies->Find(PolicyKind::kResource, std::string(kResourcePolicyId)));
  const std::string claims_text = claims.dump();
  const json data = {{"plugin", "resource"}, {"resource-path", path}, {"query", target.query}};
  const absl::StatusOr<policy::Values> values = policy.policy.Evaluate(
      {.rules = {"data.policy.allow"}, .input = claims_text, .data = data.dump(), .time_limit = kPolicyTime});

  Decision decision{.session = TokenLabel(claims), .what = StrCat("resource ", name), .outcome = "denied"};
  decision.claims_digest = jose::ToHex(jose::Digest(jose::Hash::kSha256, claims_text));
  decision.policy = policy.id;
  decision.policy_digest = policy.digest;
  absl::Status verdict;
  if (!values.ok()) {
    decision.reasons = {std::string(MessageOf(values.status()))};
    verdict = values.status();
  } else if ((*values)[0] == "true") {
    decision.outcome = "allowed";
  } else if (AllAffirming(claims)) {
    decision.reasons = {StrCat("rule allow of ", policy.id, " does not hold for ", name)};
    verdict = absl::PermissionDeniedError(decision.reasons[0]);
  } else {
    decision.reasons = parts_.decisions->AttestationReasons(decision.session);
    if (decision.reasons.empty()) decision.reasons = TokenObjections(claims);
    verdict = absl::PermissionDeniedError(StrCat("attestation: ", JoinReasons(decision.reasons)));
  }
  parts_.metrics->CountDecision(decision.outcome);
  parts_.decisions->Record(std::move(decision));
  return verdict;
}

HttpResponse Resources::Get(const HttpRequest& request, const Target& target,
                            const std::vector<std::string>& path) const {
  const absl::StatusOr<std::string> name = ResourceName(path);
  if (!name.ok()) return ErrorResponse(KbsErrorType::kInvalidRequestPath, name.status());
  const absl::StatusOr<std::string> token = FindToken(request);
  if (!token.ok()) return ErrorResponse(KbsErrorType::kTokenNotFound, token.status());
  const absl::StatusOr<json> claims = parts_.tokens->Verify(*token);
  if (!claims.ok()) {
    log::Warning("token refused", {{"resource", *name}, {"peer", request.peer}, {"error", claims.status()}});
    return ErrorResponse(KbsErrorType::kTokenVerifier, claims.status());
  }
  const absl::Status allowed = Authorize(*claims, target, path, *name);
  if (absl::IsPermissionDenied(allowed)) return ErrorResponse(KbsErrorType::kPolicyDeny, allowed);
  if (!allowed.ok()) return ErrorResponse(KbsErrorType::kPolicyEngine, allowed);

  const absl::StatusOr<TeeKey> key = TeeKeyOf(*claims);
  if (!key.ok()) return ErrorResponse(KbsErrorType::kJwe, key.status());
  absl::StatusOr<std::optional<std::string>> secret =
      parts_.store->Get(Area::kResource, *name, parts_.clock());
  if (!secret.ok()) return ErrorResponse(KbsErrorType::kPluginInternal, secret.status(), 500);
  if (!secret->has_value()) {
    return ErrorResponse(KbsErrorType::kPluginInternal, StrCat("resource ", *name, " does not exist"));
  }
  absl::StatusOr<std::string> sealed = jose::EncryptFlattened(key->key, key->algorithm, **secret);
  jose::Cleanse(**secret);
  if (!sealed.ok()) return ErrorResponse(KbsErrorType::kJwe, sealed.status());
  HttpResponse response;
  response.content_type = "application/json";
  response.body = *std::move(sealed);
  return response;
}

HttpResponse Resources::Put(const HttpRequest& request, const std::vector<std::string>& path) const {
  const absl::StatusOr<std::string> name = ResourceName(path);
  if (!name.ok()) return ErrorResponse(KbsErrorType::kInvalidRequestPath, name.status());
  const absl::Status stored = parts_.store->Put(Area::kResource, {{*name, request.body}});
  if (!stored.ok()) return ErrorResponse(KbsErrorType::kPluginInternal, stored, 500);
  HttpResponse response;
  response.content_type = "text/xml";
  return response;
}

HttpResponse Resources::Remove(const std::vector<std::string>& path) const {
  const absl::StatusOr<std::string> name = ResourceName(path);
  if (!name.ok()) return ErrorResponse(KbsErrorType::kInvalidRequestPath, name.status());
  const absl::StatusOr<bool> removed = parts_.store->Remove(Area::kResource, *name);
  if (!removed.ok()) return ErrorResponse(KbsErrorType::kPluginInternal, removed.status(), 500);
  if (!*removed)
    return ErrorResponse(KbsErrorType::kPluginInternal, StrCat("resource ", *name, " does not exist"));
  HttpResponse response;
  response.content_type = "text/xml";
  return response;
}

}  // namespace cc::trustee
