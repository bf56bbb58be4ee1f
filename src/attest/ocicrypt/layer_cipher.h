// SPDX-License-Identifier: Apache-2.0
// The cipher of an encrypted layer: AES-256-CTR, and HMAC-SHA256 over the ciphertext.
//
// CTR lets anybody who can change the blob flip bits of the plaintext, so nothing of it may reach a parser
// before the HMAC over the whole ciphertext has been compared. Decrypt therefore reads twice: once from the
// network into memory while hashing, then from that memory. The memory is a memfd of this guest (a file on a
// host's disk could change between the two passes), and each part is given back as soon as it is decrypted.
#ifndef CC_ATTEST_OCICRYPT_LAYER_CIPHER_H_
#define CC_ATTEST_OCICRYPT_LAYER_CIPHER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/secret_bytes.h"

namespace cc::attest {

// The next piece, valid until the following call; empty at the end of the stream.
using ReadBlock = std::function<absl::StatusOr<std::string_view>()>;
// Takes the next piece; an error ends the work.
using WriteBlock = std::function<absl::Status(std::string_view)>;

// Everything about a layer that decryption needs, checked for length by whoever parsed it.
struct LayerSecrets {
  SecretBytes key;
  std::string nonce;
  std::string hmac;
  // When not empty: the plaintext's SHA-256 must be this too ("sha256:<hex>"). For a nonce that came under
  // an unauthenticated wrapping: the HMAC does not cover the nonce.
  std::string plain_digest;
};

// Decrypts one layer, once. Thread-compatible.
class LayerDecryptor {
 public:
  // Ciphertext beyond `max_bytes` is ResourceExhausted.
  explicit LayerDecryptor(LayerSecrets secrets, uint64_t max_bytes = uint64_t{1} << 40)
      : secrets_(std::move(secrets)), max_bytes_(max_bytes) {}

  // Writes nothing before the whole ciphertext is verified. PermissionDenied when it is not what the key's
  // owner encrypted.
  absl::Status Decrypt(const ReadBlock& read, const WriteBlock& write);

 private:
  LayerSecrets secrets_;
  uint64_t max_bytes_;
};

struct EncryptedLayerInfo {
  LayerSecrets secrets;  // with plain_digest
  std::string digest;    // "sha256:<hex>" of the ciphertext
  uint64_t size = 0;     // bytes, of both texts
};

// Encrypts with a fresh key and nonce.
absl::StatusOr<EncryptedLayerInfo> EncryptLayer(const ReadBlock& read, const WriteBlock& write);

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_LAYER_CIPHER_H_
