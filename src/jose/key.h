// SPDX-License-Identifier: Apache-2.0
// Public and private keys: EC P-256, P-384, P-521, RSA (2048 to 8192 bits) and Ed25519, as JWK (RFC 7517,
// 7518, 8037) or PEM. Every key that is read is checked: point on the curve, coordinates of fixed width.
// Values are immutable and cheap to copy; thread-safe.
#ifndef CC_JOSE_KEY_H_
#define CC_JOSE_KEY_H_

#include <openssl/types.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::jose {

enum class KeyType { kP256, kP384, kP521, kRsa, kEd25519 };

// "P-256", "P-384", "P-521", "RSA" or "Ed25519".
std::string_view KeyTypeName(KeyType type);

class Key {
 public:
  static absl::StatusOr<Key> Generate(KeyType type, unsigned rsa_bits = 3072);

  // A JWK object, with or without the private members. `alg`, `kid`, `use` and unknown members are
  // ignored: what a key is for is the caller's decision.
  static absl::StatusOr<Key> FromJwk(const nlohmann::json& jwk);
  static absl::StatusOr<Key> FromJwkText(std::string_view text);

  // SubjectPublicKeyInfo, certificate (its key; nothing else of it is looked at), PKCS#8, PKCS#1 or SEC 1.
  static absl::StatusOr<Key> FromPem(std::string_view pem);

  // Takes a share of `pkey`.
  static absl::StatusOr<Key> FromPkey(EVP_PKEY* pkey);

  KeyType type() const { return type_; }
  bool has_private() const { return has_private_; }
  bool IsEc() const { return type_ <= KeyType::kP521; }
  // The EC coordinate width in bytes, 0 for the others.
  size_t coordinate_size() const;

  // {"kty", "crv", "x", "y"} or {"kty", "n", "e"}, with "alg" when it is not empty.
  nlohmann::json PublicJwk(std::string_view alg = {}) const;

  // RFC 7638: base64url of the SHA-256 of the canonical public JWK.
  std::string Thumbprint() const;

  std::string PublicPem() const;
  // PKCS#8; FailedPrecondition for a public key. The text is a secret.
  absl::StatusOr<std::string> PrivatePem() const;

  EVP_PKEY* get() const { return pkey_.get(); }

 private:
  Key(std::shared_ptr<EVP_PKEY> pkey, KeyType type, bool has_private)
      : pkey_(std::move(pkey)), type_(type), has_private_(has_private) {}

  std::shared_ptr<EVP_PKEY> pkey_;
  KeyType type_;
  bool has_private_;
};

}  // namespace cc::jose

#endif  // CC_JOSE_KEY_H_
