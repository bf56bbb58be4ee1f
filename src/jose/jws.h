// SPDX-License-Identifier: Apache-2.0
// Compact JWS (RFC 7515) with the algorithm fixed by the caller: the header's `alg` must say the same and
// never selects anything, so "none" and key confusion have no way in.
#ifndef CC_JOSE_JWS_H_
#define CC_JOSE_JWS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::jose {

enum class SignatureAlgorithm { kEs256, kEs384, kEdDsa, kRs256, kPs256 };

// "ES256", "ES384", "EdDSA", "RS256", "PS256".
std::string_view SignatureAlgorithmName(SignatureAlgorithm algorithm);

// The algorithm that fits the key: ES256 for P-256, ES384 for P-384, EdDSA for Ed25519, RS256 for RSA.
// Unimplemented for P-521.
absl::StatusOr<SignatureAlgorithm> DefaultAlgorithm(const Key& key);

// What a compact JWS says, signature not checked: for choosing the key, never for a decision.
struct UnverifiedJws {
  std::string header;   // JSON object text
  std::string payload;  // bytes
};
absl::StatusOr<UnverifiedJws> PeekCompact(std::string_view text);

// Signs; `header` gives members beside "alg" (it must not have one).
absl::StatusOr<std::string> SignCompact(const Key& key, SignatureAlgorithm algorithm,
                                        const nlohmann::json& header, std::string_view payload);

// The payload, or: InvalidArgument for a text that is no compact JWS, PermissionDenied for another
// algorithm, a key that does not fit the algorithm, a critical header or a wrong signature.
absl::StatusOr<std::string> VerifyCompact(std::string_view text, const Key& key,
                                          SignatureAlgorithm algorithm);

}  // namespace cc::jose

#endif  // CC_JOSE_JWS_H_
