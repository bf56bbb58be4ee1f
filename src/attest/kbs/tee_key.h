// SPDX-License-Identifier: Apache-2.0
// The key pair of this guest, to which the broker encrypts what it releases. Its public half is bound into
// the evidence; its private half never leaves the guest.
#ifndef CC_ATTEST_KBS_TEE_KEY_H_
#define CC_ATTEST_KBS_TEE_KEY_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret_bytes.h"
#include "jose/jwe.h"
#include "jose/key.h"

namespace cc::attest {

enum class TeeKeyAlgorithm { kEcdhEsA256KwP256, kEcdhEsA256KwP521, kRsaOaep256 };

// The names of the configuration key tee_key_algorithm.
std::vector<std::string> TeeKeyAlgorithmNames();
absl::StatusOr<TeeKeyAlgorithm> ParseTeeKeyAlgorithm(std::string_view name);

// Immutable; any thread may call.
class TeeKey {
 public:
  static absl::StatusOr<TeeKey> Generate(TeeKeyAlgorithm algorithm);

  // The member tee-pubkey of the KBS protocol: a JWK with `alg`.
  nlohmann::json PublicJwk() const;
  // PKCS#8 for EC, PKCS#1 for RSA, as upstream's token clients read them.
  absl::StatusOr<SecretBytes> PrivatePem() const;
  // The content of a flattened JWE. PermissionDenied when it is not for this key or was changed.
  absl::StatusOr<SecretBytes> Decrypt(std::string_view jwe) const;

 private:
  TeeKey(jose::Key key, jose::KeyAlgorithm algorithm) : key_(std::move(key)), algorithm_(algorithm) {}
  jose::Key key_;
  jose::KeyAlgorithm algorithm_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_KBS_TEE_KEY_H_
