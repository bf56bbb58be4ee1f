// SPDX-License-Identifier: Apache-2.0
// The media types of OCI and Docker (schema 2) that we read.
#ifndef CC_IMAGE_MEDIA_TYPE_H_
#define CC_IMAGE_MEDIA_TYPE_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace cc::image {

enum class Compression { kNone, kGzip, kZstd };

struct LayerType {
  Compression compression = Compression::kNone;
  bool encrypted = false;
};

bool IsIndexType(std::string_view media_type);
bool IsManifestType(std::string_view media_type);
// Unimplemented for a type we do not know, naming it.
absl::StatusOr<LayerType> ParseLayerType(std::string_view media_type);

// For the Accept header of a manifest request.
inline constexpr std::string_view kManifestAccept =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

}  // namespace cc::image

#endif  // CC_IMAGE_MEDIA_TYPE_H_
