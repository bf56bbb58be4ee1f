// SPDX-License-Identifier: Apache-2.0
#include "image/media_type.h"

#include "base/strings.h"

namespace cc::image {
namespace {

struct KnownLayer {
  std::string_view name;
  Compression compression;
};

constexpr KnownLayer kLayers[] = {
    {"application/vnd.oci.image.layer.v1.tar", Compression::kNone},
    {"application/vnd.oci.image.layer.v1.tar+gzip", Compression::kGzip},
    {"application/vnd.oci.image.layer.v1.tar+zstd", Compression::kZstd},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", Compression::kNone},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Compression::kGzip},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Compression::kZstd},
    {"application/vnd.docker.image.rootfs.diff.tar", Compression::kNone},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::kGzip},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::kZstd},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Compression::kGzip},
};

}  // namespace

bool IsIndexType(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.index.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool IsManifestType(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.manifest.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.v2+json";
}

absl::StatusOr<LayerType> ParseLayerType(std::string_view media_type) {
  LayerType type;
  std::string_view plain = media_type;
  if (plain.ends_with("+encrypted")) {
    type.encrypted = true;
    plain.remove_suffix(std::string_view("+encrypted").size());
  }
  for (const KnownLayer& known : kLayers) {
    if (plain == known.name) {
      type.compression = known.compression;
      return type;
    }
  }
  return absl::UnimplementedError(
      StrCat("layer media type '", media_type.substr(0, 200),
             "' is not supported (tar, gzip and zstd layers of OCI and Docker are)"));
}

}  // namespace cc::image
