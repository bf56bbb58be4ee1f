// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/token_verifier.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/json.h"
#include "jose/jwt.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr size_t kMaxKeys = 64;

// Where issuers put the key: EAR, CoCo's older form, and a flat claim.
constexpr const char* kKeyPaths[] = {
    "/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey",
    "/customized_claims/runtime_data/tee-pubkey",
    "/tee-pubkey",
};

}  // namespace

absl::StatusOr<std::vector<jose::Key>> ParseJwks(std::string_view text) {
  CC_ASSIGN_OR_RETURN(const json set, jose::ParseJsonObject(text, "JWK set"));
  const auto members = set.find("keys");
  if (members == set.end() || !members->is_array() || members->size() > kMaxKeys) {
    return absl::InvalidArgumentError(StrCat("JWK set: 'keys' must be an array of at most ", kMaxKeys));
  }
  std::vector<jose::Key> keys;
  for (const json& jwk : *members) {
    absl::StatusOr<jose::Key> key = jose::Key::FromJwk(jwk);
    if (key.ok() && jose::DefaultAlgorithm(*key).ok()) keys.push_back(*std::move(key));
  }
  if (keys.empty()) return absl::InvalidArgumentError("JWK set: no key in it can verify tokens");
  return keys;
}

absl::StatusOr<json> TokenVerifier::Verify(std::string_view token) const {
  const absl::StatusOr<jose::UnverifiedJws> peek = jose::PeekCompact(token);
  if (!peek.ok()) return absl::UnauthenticatedError(StrCat("attestation token: ", MessageOf(peek.status())));
  const absl::StatusOr<json> unverified = jose::ParseJsonObject(peek->payload, "claims");
  std::string issuer;
  if (unverified.ok() && unverified->contains("iss") && (*unverified)["iss"].is_string()) {
    issuer = (*unverified)["iss"].get<std::string>();
  }
  absl::Status failure = absl::UnauthenticatedError(
      StrCat("attestation token: issuer '", issuer.substr(0, 128), "' is not trusted here"));
  for (const TrustedIssuer& trusted : issuers_) {
    if (trusted.name != issuer) continue;
    for (const jose::Key& key : trusted.keys) {
      CC_ASSIGN_OR_RETURN(const jose::SignatureAlgorithm algorithm, jose::DefaultAlgorithm(key));
      absl::StatusOr<json> claims =
          jose::VerifyJwt(token, key, algorithm, {.now = clock_(), .issuer = trusted.name});
      if (claims.ok()) return claims;
      failure = absl::UnauthenticatedError(StrCat("attestation token: ", MessageOf(claims.status())));
    }
  }
  return failure;
}

absl::StatusOr<TeeKey> ParseTeeKey(const json& jwk) {
  absl::StatusOr<jose::Key> key = jose::Key::FromJwk(jwk);
  if (!key.ok()) return Annotate(key.status(), "tee-pubkey");
  CC_ASSIGN_OR_RETURN(const std::string name, jose::StringMember(jwk, "alg", "tee-pubkey"));
  CC_ASSIGN_OR_RETURN(const jose::KeyAlgorithm algorithm, jose::ParseKeyAlgorithm(name));
  CC_RETURN_IF_ERROR(jose::CheckKeyAlgorithm(*key, algorithm));
  if (key->has_private()) return absl::InvalidArgumentError("tee-pubkey: the key has private members");
  return TeeKey{*std::move(key), algorithm};
}

absl::StatusOr<TeeKey> TeeKeyOf(const json& claims) {
  for (const char* path : kKeyPaths) {
    const json::json_pointer pointer(path);
    if (claims.contains(pointer)) return ParseTeeKey(claims.at(pointer));
  }
  return absl::InvalidArgumentError("attestation token: carries no key of the guest (tee-pubkey)");
}

}  // namespace cc::trustee
