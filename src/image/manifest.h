// SPDX-License-Identifier: Apache-2.0
// Image index, manifest and configuration documents. The bytes come from a registry: each parser checks
// shape, sizes and digests and returns plain structs; what it does not know it leaves out.
#ifndef CC_IMAGE_MANIFEST_H_
#define CC_IMAGE_MANIFEST_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "image/digest.h"
#include "image/platform.h"

namespace cc::image {

struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size = 0;  // bytes; at most kMaxBlobSize
  std::map<std::string, std::string> annotations = {};
};

struct IndexEntry {
  Descriptor descriptor;
  Platform platform;
};
struct Index {
  std::vector<IndexEntry> entries;
};
struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first; at most kMaxLayers
};

// The part of the image configuration that a container is made of.
struct ImageConfig {
  Platform platform;
  std::vector<Digest> diff_ids;  // lowest first
  std::string user, working_dir;
  std::vector<std::string> env, entrypoint, cmd;
};

inline constexpr uint64_t kMaxBlobSize = uint64_t{1} << 40;
// overlayfs takes 500 lower directories.
inline constexpr size_t kMaxLayers = 500;
inline constexpr size_t kMaxDocumentSize = size_t{4} << 20;

// `content_type` is the answer's header, used only when the document does not name its own type.
absl::StatusOr<std::variant<Index, Manifest>> ParseManifest(std::string_view json,
                                                            std::string_view content_type);
absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view json);

}  // namespace cc::image

#endif  // CC_IMAGE_MANIFEST_H_
