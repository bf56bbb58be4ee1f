// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/attestation_service.h"

#include <chrono>
#include <map>

#include "base/status.h"
#include "base/strings.h"
#include "jose/json.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr size_t kMaxReasons = 32;
// A guest waits, and a policy that takes longer holds a thread.
constexpr std::chrono::milliseconds kPolicyTime(2000);

// What policies see and tokens carry: the verifier's claims under the TEE's name, and beside them what the
// evidence vouches for.
json PolicyInput(const EvidenceItem& item, const VerifierClaims& verified) {
  json claims = verified.claims;
  json input = json::object();
  if (const auto init_data = claims.find("init_data"); init_data != claims.end()) {
    input["init_data"] = *init_data;
    input["init_data_claims"] = item.init_data.has_value() ? item.init_data->claims : json();
    claims.erase("init_data");
  }
  if (const auto report_data = claims.find("report_data"); report_data != claims.end()) {
    input["report_data"] = *report_data;
    input["runtime_data_claims"] = item.runtime_data;
    claims.erase("report_data");
  }
  input[item.tee] = std::move(claims);
  return input;
}

// JSON of a rule, null when it is undefined.
absl::StatusOr<json> RuleValue(const std::optional<std::string>& text, std::string_view rule) {
  if (!text.has_value()) return json();
  return jose::ParseJson(*text, rule);
}

// Objects {"name", "key", "value"} become members of the appraisal.
absl::Status AddExtensions(const json& extensions, json& appraisal) {
  if (extensions.is_null()) return absl::OkStatus();
  const absl::Status bad = absl::FailedPreconditionError(
      "attestation policy: 'extensions' must be an array of {\"name\", \"key\", \"value\"} with names of "
      "their own");
  if (!extensions.is_array()) return bad;
  for (const json& extension : extensions) {
    if (!extension.is_object() || !extension.contains("name") || !extension["name"].is_string() ||
        !extension.contains("value") || appraisal.contains(extension["name"].get<std::string>())) {
      return bad;
    }
    appraisal[extension["name"].get<std::string>()] = extension["value"];
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> AttestationService::Reasons(const json& from_policy, const TrustVector& vector,
                                                     const std::set<std::string>& absent) const {
  std::vector<std::string> reasons;
  if (from_policy.is_array()) {
    for (const json& reason : from_policy) {
      if (reason.is_string() && reasons.size() < kMaxReasons) reasons.push_back(reason.get<std::string>());
    }
  }
  // A policy that does not explain itself (upstream's do not) is explained by its result.
  const bool silent = reasons.empty();
  if (silent) reasons = vector.Objections();
  for (const std::string& name : absent) {
    if (reference_values_->Expired(name)) {
      reasons.push_back(StrCat("reference value '", name, "' has expired"));
    } else if (silent) {
      reasons.push_back(StrCat("reference value '", name, "' is not registered"));
    }
  }
  return reasons;
}

absl::Status AttestationService::CheckTee(std::string_view tee) const {
  if (verifiers_.contains(tee)) return absl::OkStatus();
  std::string fix;
  if (tee == "cca") fix = ": no trust anchor is configured, set [verifier] cca_trust_anchors";
  if (tee == "sample")
    fix = ": its evidence proves nothing; for development set [verifier] insecure_sample = true";
  return absl::UnimplementedError(StrCat("evidence of '", tee.substr(0, 32), "' is not accepted", fix));
}

absl::StatusOr<VerifierClaims> AttestationService::Verify(const EvidenceItem& item) const {
  CC_RETURN_IF_ERROR(CheckTee(item.tee));
  std::string expected;
  if (item.report_data.has_value()) {
    expected = *item.report_data;
  } else {
    CC_ASSIGN_OR_RETURN(const std::string canonical, jose::CanonicalJson(item.runtime_data));
    expected = jose::Digest(item.hash, canonical);
  }
  std::optional<std::string> init_data_digest;
  if (item.init_data.has_value()) init_data_digest = item.init_data->digest;
  return verifiers_.find(item.tee)->second->Verify(item.evidence, expected, init_data_digest);
}

absl::StatusOr<json> AttestationService::Judge(const EvidenceItem& item, const VerifierClaims& claims,
                                               const std::string& policy_id, Decision& decision) const {
  const json input = PolicyInput(item, claims);
  const std::string input_text = input.dump();
  decision.claims = input[item.tee].dump();
  decision.claims_digest = jose::ToHex(jose::Digest(jose::Hash::kSha256, decision.claims));
  CC_ASSIGN_OR_RETURN(const NamedPolicy policy,
                      policies_->Find(PolicyKind::kAttestation, StrCat(policy_id, "_", claims.tee_class)));
  decision.policy = policy.id;
  decision.policy_digest = policy.digest;

  std::set<std::string> absent;
  absl::Status lookup_failure;
  const policy::Lookup lookup{
      "query_reference_value", [&](std::string_view name) -> std::optional<std::string> {
        absl::StatusOr<std::optional<std::string>> value = reference_values_->Query(name);
        if (!value.ok()) lookup_failure = value.status();
        if (value.ok() && value->has_value()) return *std::move(value);
        if (absent.size() < kMaxReasons) absent.emplace(name);
        return std::nullopt;
      }};
  CC_ASSIGN_OR_RETURN(const policy::Values values,
                      policy.policy.Evaluate({.rules = {"data.policy.trust_claims", "data.policy.extensions",
                                                        "data.policy.reasons"},
                                              .input = input_text,
                                              .lookups = {lookup},
                                              .time_limit = kPolicyTime}));
  // A verdict over values that could not be read is no verdict.
  CC_RETURN_IF_ERROR(lookup_failure);
  CC_ASSIGN_OR_RETURN(const json trust_claims, RuleValue(values[0], "trust_claims"));
  CC_ASSIGN_OR_RETURN(const json extensions, RuleValue(values[1], "extensions"));
  CC_ASSIGN_OR_RETURN(const json reasons, RuleValue(values[2], "reasons"));
  CC_ASSIGN_OR_RETURN(const TrustVector vector, TrustVector::FromPolicy(trust_claims));
  const Tier status = vector.Status();
  decision.outcome = TierName(status);

  if (status != Tier::kAffirming) decision.reasons = Reasons(reasons, vector, absent);
  json appraisal = {{"ear.status", TierName(status)},
                    {"ear.trustworthiness-vector", vector.claims()},
                    {"ear.appraisal-policy-id", policy_id},
                    {"ear.veraison.annotated-evidence", input}};
  CC_RETURN_IF_ERROR(AddExtensions(extensions, appraisal));
  return appraisal;
}

absl::StatusOr<std::string> AttestationService::Appraise(const std::vector<EvidenceItem>& items,
                                                         const std::string& policy_id,
                                                         const std::string& session) const {
  if (items.empty()) return absl::InvalidArgumentError("attestation: there is no evidence");
  json submods = json::object();
  std::map<std::string, int> count;
  for (const EvidenceItem& item : items) {
    Decision decision{.session = session, .what = "attestation", .outcome = "refused", .tee = item.tee};
    absl::StatusOr<VerifierClaims> claims = Verify(item);
    absl::StatusOr<json> appraisal =
        claims.ok() ? Judge(item, *claims, policy_id, decision) : absl::StatusOr<json>(claims.status());
    if (!appraisal.ok()) {
      decision.outcome = "refused";
      decision.reasons = {std::string(MessageOf(appraisal.status()))};
    }
    decisions_->Record(decision);
    CC_RETURN_IF_ERROR(appraisal.status());
    submods[StrCat(claims->tee_class, count[claims->tee_class]++)] = *std::move(appraisal);
  }
  return issuer_.Issue(submods, session);
}

}  // namespace cc::trustee
