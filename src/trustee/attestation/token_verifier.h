// SPDX-License-Identifier: Apache-2.0
// Attestation tokens that resources are released for: our own, and those of issuers the owner trusts. The key
// in a token's header is never trusted.
#ifndef CC_TRUSTEE_ATTESTATION_TOKEN_VERIFIER_H_
#define CC_TRUSTEE_ATTESTATION_TOKEN_VERIFIER_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jose/jwe.h"
#include "jose/key.h"
#include "trustee/clock.h"

namespace cc::trustee {

struct TrustedIssuer {
  std::string name;  // `iss` of its tokens
  std::vector<jose::Key> keys;
};

// The public keys of a JWK set; those of types we do not verify with are skipped. InvalidArgument when none
// is left.
absl::StatusOr<std::vector<jose::Key>> ParseJwks(std::string_view text);

// Immutable, thread-safe.
class TokenVerifier {
 public:
  TokenVerifier(std::vector<TrustedIssuer> issuers, Clock clock)
      : issuers_(std::move(issuers)), clock_(std::move(clock)) {}

  // The claims. Unauthenticated with the reason: foreign issuer, wrong signature, expired.
  absl::StatusOr<nlohmann::json> Verify(std::string_view token) const;

 private:
  const std::vector<TrustedIssuer> issuers_;
  const Clock clock_;
};

struct TeeKey {
  jose::Key key;
  jose::KeyAlgorithm algorithm;
};
// The key of the guest, from the claims of a token. InvalidArgument when there is none or it cannot be used.
absl::StatusOr<TeeKey> TeeKeyOf(const nlohmann::json& claims);

// A TEE key as the protocol carries it: a JWK with `alg`.
absl::StatusOr<TeeKey> ParseTeeKey(const nlohmann::json& jwk);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_TOKEN_VERIFIER_H_
