// SPDX-License-Identifier: Apache-2.0
// Manifests and indexes of an image whose layers were encrypted. What is not about layers stays as it was,
// unknown members included; Docker's documents become OCI's, which alone have names for encrypted layers.
#ifndef CC_OWNER_IMAGE_MANIFEST_EDIT_H_
#define CC_OWNER_IMAGE_MANIFEST_EDIT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attest/ocicrypt/encrypted_layer.h"
#include "image/manifest.h"

namespace cc::owner {

inline constexpr char kOciManifestType[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kOciIndexType[] = "application/vnd.oci.image.index.v1+json";

struct EncryptedLayer {
  image::Descriptor descriptor;
  attest::Annotations annotations;
};

// `json` was parsed by image::ParseManifest and has as many layers. Members of a layer that give plaintext
// away or name the plain blob (data, urls, indexes of lazy-pulling formats) are dropped.
absl::StatusOr<std::string> EncryptedManifest(std::string_view json,
                                              const std::vector<EncryptedLayer>& layers);

// An index with the entries at `positions` only, each now naming the manifest beside it.
absl::StatusOr<std::string> EncryptedIndex(std::string_view json, const std::vector<size_t>& positions,
                                           const std::vector<image::Descriptor>& manifests);

}  // namespace cc::owner

#endif  // CC_OWNER_IMAGE_MANIFEST_EDIT_H_
