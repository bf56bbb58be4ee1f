// SPDX-License-Identifier: Apache-2.0
// The primitives under JWE: AES-256-GCM, RSA-OAEP with SHA-256, and ECDH-ES with Concat KDF and AES key wrap.
#ifndef CC_JOSE_KEY_WRAP_H_
#define CC_JOSE_KEY_WRAP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::jose {

struct Sealed {
  std::string ciphertext;
  std::string tag;  // 16 bytes
};
// `key` 32 bytes, `iv` 12 bytes.
absl::StatusOr<Sealed> SealAes256Gcm(std::string_view key, std::string_view iv, std::string_view aad,
                                     std::string_view plaintext);
// PermissionDenied when key, tag, aad or ciphertext do not belong together; nothing of the text is given
// then.
absl::StatusOr<std::string> OpenAes256Gcm(std::string_view key, std::string_view iv, std::string_view aad,
                                          const Sealed& sealed);

absl::StatusOr<std::string> WrapRsaOaep256(const Key& recipient, std::string_view cek);
absl::StatusOr<std::string> UnwrapRsaOaep256(const Key& private_key, std::string_view wrapped);

// The 32-byte key encryption key of "ECDH-ES+A256KW" (RFC 7518 section 4.6.2) between two keys of one curve.
absl::StatusOr<std::string> AgreeEcdhEsA256Kw(const Key& own_private, const Key& peer_public);

// RFC 3394 with a 32-byte key: 8 bytes longer than the input.
absl::StatusOr<std::string> WrapAes256(std::string_view kek, std::string_view cek);
absl::StatusOr<std::string> UnwrapAes256(std::string_view kek, std::string_view wrapped);

}  // namespace cc::jose

#endif  // CC_JOSE_KEY_WRAP_H_
