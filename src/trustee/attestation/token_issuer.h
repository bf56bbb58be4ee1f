// SPDX-License-Identifier: Apache-2.0
// Signs attestation results as EAR JWTs (ES256) with the structure that upstream's relying parties read.
#ifndef CC_TRUSTEE_ATTESTATION_TOKEN_ISSUER_H_
#define CC_TRUSTEE_ATTESTATION_TOKEN_ISSUER_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "jose/key.h"
#include "trustee/clock.h"

namespace cc::trustee {

struct TokenOptions {
  std::string issuer = "CoCo-Attestation-Service";
  int64_t lifetime_seconds = 300;
};

// Thread-safe.
class TokenIssuer {
 public:
  // `key` is a private P-256 key; InvalidArgument otherwise.
  static absl::StatusOr<TokenIssuer> Create(jose::Key key, TokenOptions options, Clock clock);

  // `submods` by name, each an appraisal; `id` (jti) ties the token to its entry in the decision log.
  absl::StatusOr<std::string> Issue(const nlohmann::json& submods, const std::string& id) const;

  // {"keys": [JWK]}
  std::string Jwks() const;

  const jose::Key& key() const { return key_; }
  const std::string& issuer() const { return options_.issuer; }

 private:
  TokenIssuer(jose::Key key, TokenOptions options, Clock clock)
      : key_(std::move(key)), options_(std::move(options)), clock_(std::move(clock)) {}
  nlohmann::json PublicJwk() const;

  jose::Key key_;
  TokenOptions options_;
  Clock clock_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_TOKEN_ISSUER_H_
