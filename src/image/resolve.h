// SPDX-License-Identifier: Apache-2.0
// From a reference to what has to be pulled: the manifest for this platform and the image's configuration.
#ifndef CC_IMAGE_RESOLVE_H_
#define CC_IMAGE_RESOLVE_H_

#include <optional>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "image/manifest.h"
#include "image/platform.h"
#include "image/registry.h"

namespace cc::image {

struct ResolvedLayer {
  Descriptor blob;
  LayerType type;
  Digest diff_id;
  Digest chain;  // identifies this layer upon those below it (OCI image-spec, config.md, "Layer ChainID")
};

struct ResolvedImage {
  Digest manifest_digest;
  std::optional<Digest> index_digest;  // of the index that led to the manifest
  ImageConfig config;
  std::vector<ResolvedLayer> layers;  // lowest first, at least one
};

absl::StatusOr<ResolvedImage> ResolveImage(Registry& registry, const Platform& platform,
                                           std::stop_token stop);

}  // namespace cc::image

#endif  // CC_IMAGE_RESOLVE_H_
