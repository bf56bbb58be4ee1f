// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/token_issuer.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/jws.h"

namespace cc::trustee {

using nlohmann::json;

absl::StatusOr<TokenIssuer> TokenIssuer::Create(jose::Key key, TokenOptions options, Clock clock) {
  if (key.type() != jose::KeyType::kP256 || !key.has_private()) {
    return absl::InvalidArgumentError(StrCat("token signing key: expected a private P-256 key, got ",
                                             key.has_private() ? "" : "a public ", KeyTypeName(key.type())));
  }
  return TokenIssuer(std::move(key), std::move(options), std::move(clock));
}

json TokenIssuer::PublicJwk() const {
  json jwk = key_.PublicJwk("ES256");
  jwk["kid"] = key_.Thumbprint();
  return jwk;
}

absl::StatusOr<std::string> TokenIssuer::Issue(const json& submods, const std::string& id) const {
  const int64_t now = clock_();
  const json claims = {
      {"eat_profile", "tag:github.com,2024:confidential-containers/Trustee"},
      {"iat", now},
      {"exp", now + options_.lifetime_seconds},
      {"iss", options_.issuer},
      {"jti", id},
      {"ear.verifier-id", {{"developer", "kata-cc"}, {"build", StrCat("cc-trustee ", CC_VERSION)}}},
      {"submods", submods},
  };
  const json header = {{"typ", "JWT"}, {"jwk", PublicJwk()}};
  return jose::SignCompact(key_, jose::SignatureAlgorithm::kEs256, header, claims.dump());
}

std::string TokenIssuer::Jwks() const { return json{{"keys", json::array({PublicJwk()})}}.dump(); }

}  // namespace cc::trustee
