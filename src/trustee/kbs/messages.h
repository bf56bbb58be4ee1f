// SPDX-License-Identifier: Apache-2.0
// The messages of the KBS protocol, version 0.4.0, as the service reads and writes them. What a guest sends
// is hostile until it is parsed here.
#ifndef CC_TRUSTEE_KBS_MESSAGES_H_
#define CC_TRUSTEE_KBS_MESSAGES_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trustee/attestation/attestation_service.h"

namespace cc::trustee {

inline constexpr std::string_view kKbsVersion = "0.4.0";

// Returns the kind of TEE. InvalidArgument for a malformed message, Unauthenticated for another version.
absl::StatusOr<std::string> ParseAuth(std::string_view body);

std::string ChallengeBody(std::string_view nonce);

struct Attestation {
  std::string nonce;
  nlohmann::json tee_pubkey;
  nlohmann::json primary_evidence;
  std::string additional_evidence;  // "" or JSON text
  std::optional<InitData> init_data;
};
// InvalidArgument for a malformed message, an unusable key or initdata of another format than toml.
absl::StatusOr<Attestation> ParseAttestation(std::string_view body);

// The pieces of evidence with what each must be bound to. InvalidArgument for additional evidence that is no
// JSON object or has more than eight members.
absl::StatusOr<std::vector<EvidenceItem>> EvidenceItems(Attestation attestation, const std::string& tee);

std::string TokenBody(std::string_view token);

struct AttestationPolicyRequest {
  std::string id;
  std::string text;
};
absl::StatusOr<AttestationPolicyRequest> ParseAttestationPolicy(std::string_view body);

// The text of {"policy": base64url}.
absl::StatusOr<std::string> ParseResourcePolicy(std::string_view body);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_MESSAGES_H_
