// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/messages.h"

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "trustee/attestation/token_verifier.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMaxAdditional = 8;

absl::StatusOr<json> ObjectMember(const json& object, const char* key, std::string_view what) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_object()) {
    return absl::InvalidArgumentError(StrCat(what, ": member '", key, "' must be an object"));
  }
  return *member;
}

absl::StatusOr<std::optional<InitData>> ReadInitData(const json& message) {
  const auto member = message.find("init-data");
  if (member == message.end() || member->is_null()) return std::nullopt;
  CC_ASSIGN_OR_RETURN(const json object, ObjectMember(message, "init-data", "Attestation"));
  CC_ASSIGN_OR_RETURN(const std::string format,
                      jose::StringMember(object, "format", "Attestation: init-data"));
  if (format != "toml") {
    return absl::InvalidArgumentError(
        StrCat("Attestation: init-data of format '", format.substr(0, 32), "', expected toml"));
  }
  CC_ASSIGN_OR_RETURN(const std::string body, jose::StringMember(object, "body", "Attestation: init-data"));
  CC_ASSIGN_OR_RETURN(InitData init_data, ParseInitData(body));
  return init_data;
}

// A policy travels as base64url without padding.
absl::StatusOr<std::string> PolicyMember(const json& message, std::string_view what) {
  CC_ASSIGN_OR_RETURN(const std::string encoded, jose::StringMember(message, "policy", what));
  absl::StatusOr<std::string> text = jose::Base64UrlDecode(encoded);
  if (!text.ok()) return Annotate(text.status(), StrCat(what, ": policy"));
  return text;
}

}  // namespace

absl::StatusOr<std::string> ParseAuth(std::string_view body) {
  CC_ASSIGN_OR_RETURN(const json message, jose::ParseJsonObject(body, "Request"));
  CC_ASSIGN_OR_RETURN(const std::string version, jose::StringMember(message, "version", "Request"));
  CC_ASSIGN_OR_RETURN(std::string tee, jose::StringMember(message, "tee", "Request"));
  if (version != kKbsVersion) {
    return absl::UnauthenticatedError(StrCat("KBS protocol version: the guest speaks '",
                                             version.substr(0, 32), "', this service ", kKbsVersion));
  }
  return tee;
}

std::string ChallengeBody(std::string_view nonce) {
  return ordered_json{{"nonce", nonce}, {"extra-params", ""}}.dump();
}

absl::StatusOr<Attestation> ParseAttestation(std::string_view body) {
  constexpr std::string_view kWhat = "Attestation";
  CC_ASSIGN_OR_RETURN(const json message, jose::ParseJsonObject(body, kWhat));
  CC_ASSIGN_OR_RETURN(const json runtime_data, ObjectMember(message, "runtime-data", kWhat));
  CC_ASSIGN_OR_RETURN(const json evidence, ObjectMember(message, "tee-evidence", kWhat));
  Attestation attestation;
  CC_ASSIGN_OR_RETURN(attestation.nonce,
                      jose::StringMember(runtime_data, "nonce", "Attestation: runtime-data"));
  CC_ASSIGN_OR_RETURN(attestation.tee_pubkey, ObjectMember(runtime_data, "tee-pubkey", kWhat));
  CC_RETURN_IF_ERROR(ParseTeeKey(attestation.tee_pubkey).status());
  const auto primary = evidence.find("primary_evidence");
  if (primary == evidence.end()) {
    return absl::InvalidArgumentError("Attestation: tee-evidence: member 'primary_evidence' is missing");
  }
  attestation.primary_evidence = *primary;
  CC_ASSIGN_OR_RETURN(attestation.additional_evidence,
                      jose::StringMember(evidence, "additional_evidence", "Attestation: tee-evidence"));
  CC_ASSIGN_OR_RETURN(attestation.init_data, ReadInitData(message));
  return attestation;
}

absl::StatusOr<std::vector<EvidenceItem>> EvidenceItems(Attestation attestation, const std::string& tee) {
  std::vector<EvidenceItem> items;
  items.push_back({.tee = tee,
                   .evidence = std::move(attestation.primary_evidence),
                   .runtime_data = {{"additional-evidence", attestation.additional_evidence},
                                    {"nonce", attestation.nonce},
                                    {"tee-pubkey", attestation.tee_pubkey}},
                   .init_data = std::move(attestation.init_data)});
  if (attestation.additional_evidence.empty()) return items;
  CC_ASSIGN_OR_RETURN(const json additional, jose::ParseJsonObject(attestation.additional_evidence,
                                                                   "Attestation: additional_evidence"));
  if (additional.size() > kMaxAdditional) {
    return absl::InvalidArgumentError(
        StrCat("Attestation: more than ", kMaxAdditional, " pieces of evidence"));
  }
  for (const auto& [device, evidence] : additional.items()) {
    items.push_back({.tee = device,
                     .evidence = evidence,
                     .runtime_data = {{"nonce", attestation.nonce}, {"tee-pubkey", attestation.tee_pubkey}}});
  }
  return items;
}

std::string TokenBody(std::string_view token) { return json{{"token", token}}.dump(); }

absl::StatusOr<AttestationPolicyRequest> ParseAttestationPolicy(std::string_view body) {
  CC_ASSIGN_OR_RETURN(const json message, jose::ParseJsonObject(body, "policy request"));
  AttestationPolicyRequest request;
  CC_ASSIGN_OR_RETURN(request.id, jose::StringMember(message, "policy_id", "policy request"));
  CC_ASSIGN_OR_RETURN(request.text, PolicyMember(message, "policy request"));
  return request;
}

absl::StatusOr<std::string> ParseResourcePolicy(std::string_view body) {
  CC_ASSIGN_OR_RETURN(const json message, jose::ParseJsonObject(body, "policy request"));
  return PolicyMember(message, "policy request");
}

}  // namespace cc::trustee
