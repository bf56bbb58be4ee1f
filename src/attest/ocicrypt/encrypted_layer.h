// SPDX-License-Identifier: Apache-2.0
// From a layer's annotations to its key, and back.
//
//   KbsKeyUnwrapper unwrapper(kbs);
//   CC_ASSIGN_OR_RETURN(LayerSecrets secrets, OpenLayer(descriptor_annotations, unwrapper));
//   LayerDecryptor decryptor(std::move(secrets), descriptor_size);
//   decryptor.Decrypt(read_ciphertext, write_compressed_layer);
//
// The media type of an encrypted layer is that of the plain one and "+encrypted"; what comes out of the
// decryptor is the plain blob: a tar stream, compressed as the type says.
#ifndef CC_ATTEST_OCICRYPT_ENCRYPTED_LAYER_H_
#define CC_ATTEST_OCICRYPT_ENCRYPTED_LAYER_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/ocicrypt/layer_cipher.h"
#include "attest/resource_source.h"
#include "attest/resource_uri.h"
#include "attest/wrap.h"

namespace cc::attest {

using Annotations = std::map<std::string, std::string>;

inline constexpr std::string_view kKeyProviderPrefix = "org.opencontainers.image.enc.keys.provider.";
inline constexpr std::string_view kKeyProvider = "attestation-agent";
inline constexpr std::string_view kPublicOptionsAnnotation = "org.opencontainers.image.enc.pubopts";
inline constexpr std::string_view kEncryptedSuffix = "+encrypted";

// Unwraps one packet of the annotation. Any thread may call.
class KeyUnwrapper {
 public:
  struct Result {
    SecretBytes options;
    // False when the wrapping lets a forger change the options (A256CTR, or a provider that does not say).
    bool authenticated = false;
  };
  virtual ~KeyUnwrapper() = default;
  virtual absl::StatusOr<Result> UnwrapKey(std::string_view packet) = 0;
};

class KbsKeyUnwrapper final : public KeyUnwrapper {
 public:
  // `keys` outlives this.
  explicit KbsKeyUnwrapper(ResourceSource& keys) : keys_(keys) {}
  absl::StatusOr<Result> UnwrapKey(std::string_view packet) override;

 private:
  ResourceSource& keys_;
};

// Tries the packets in order. When none opens, the error has the code of the first and the texts of all, so
// that "attestation: … not endorsed" of the trust service is seen by whoever started the container.
absl::StatusOr<LayerSecrets> OpenLayer(const Annotations& annotations, KeyUnwrapper& unwrapper);

// What EncryptLayer made, as annotations: the options wrapped under `kek` (32 bytes), which the KBS serves as
// `kid`.
absl::StatusOr<Annotations> SealLayer(const LayerSecrets& secrets, const ResourceUri& kid,
                                      std::string_view kek, WrapType type = WrapType::kA256Gcm);

// The type of a layer once it is encrypted. Docker's types become OCI's. InvalidArgument for a type that is
// no plain layer's.
absl::StatusOr<std::string> EncryptedMediaType(std::string_view plain);

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_ENCRYPTED_LAYER_H_
