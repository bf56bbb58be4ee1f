// SPDX-License-Identifier: Apache-2.0
// Flattened JWE (RFC 7516) as the KBS protocol carries secrets: A256GCM content, the content key given by
// RSA-OAEP-256 or ECDH-ES+A256KW on P-256 or P-521.
//
// Upstream's client drops the received `protected` text and builds it again from the parsed members, so
// EncryptFlattened writes exactly {"alg","enc"[,"epk":{"crv","kty","x","y"}]} without white space.
// DecryptFlattened authenticates the text that was received.
#ifndef CC_JOSE_JWE_H_
#define CC_JOSE_JWE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::jose {

enum class KeyAlgorithm { kRsaOaep256, kEcdhEsA256Kw };

// "RSA-OAEP-256", "ECDH-ES+A256KW".
std::string_view KeyAlgorithmName(KeyAlgorithm algorithm);
absl::StatusOr<KeyAlgorithm> ParseKeyAlgorithm(std::string_view name);

// Whether the key can be used with the algorithm: RSA, or EC on P-256 or P-521. InvalidArgument says why not.
absl::Status CheckKeyAlgorithm(const Key& key, KeyAlgorithm algorithm);

// JSON text {"protected","encrypted_key","iv","ciphertext","tag"}.
absl::StatusOr<std::string> EncryptFlattened(const Key& recipient, KeyAlgorithm algorithm,
                                             std::string_view plaintext);

// The plaintext. `algorithm` is the one the key was announced with; a header that says another is refused.
// InvalidArgument for malformed text, PermissionDenied for another algorithm or curve and for anything that
// does not decrypt (wrong key and tampering are not told apart).
absl::StatusOr<std::string> DecryptFlattened(const Key& private_key, KeyAlgorithm algorithm,
                                             std::string_view json_text);

}  // namespace cc::jose

#endif  // CC_JOSE_JWE_H_
