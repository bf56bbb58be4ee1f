// SPDX-License-Identifier: Apache-2.0
// What ocicrypt keeps about an encrypted layer: the public options stand in an annotation of the manifest, in
// clear, so they are a host's word; the private ones are wrapped by a key provider.
#ifndef CC_ATTEST_OCICRYPT_LAYER_OPTIONS_H_
#define CC_ATTEST_OCICRYPT_LAYER_OPTIONS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/secret_bytes.h"

namespace cc::attest {

inline constexpr std::string_view kLayerCipher = "AES_256_CTR_HMAC_SHA256";
inline constexpr size_t kLayerKeySize = 32;
inline constexpr size_t kLayerNonceSize = 16;
inline constexpr size_t kLayerHmacSize = 32;

struct PublicLayerOptions {
  std::string hmac;   // HMAC-SHA256 over the ciphertext, keyed with the layer key
  std::string nonce;  // empty where the private options have it, as they do in all images seen
};

struct PrivateLayerOptions {
  SecretBytes key;
  std::string nonce;   // may be empty
  std::string digest;  // "sha256:<hex>" of the plaintext
};

// Any member of a wrong type or length is InvalidArgument, and so are a missing HMAC and another cipher.
absl::StatusOr<PublicLayerOptions> ParsePublicLayerOptions(std::string_view json);
absl::StatusOr<PrivateLayerOptions> ParsePrivateLayerOptions(std::string_view json);

std::string ToJson(const PublicLayerOptions& options);
SecretBytes ToJson(const PrivateLayerOptions& options);

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_LAYER_OPTIONS_H_
