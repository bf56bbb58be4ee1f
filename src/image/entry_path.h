// SPDX-License-Identifier: Apache-2.0
// Names of archive entries, and what they mean in a layer.
#ifndef CC_IMAGE_ENTRY_PATH_H_
#define CC_IMAGE_ENTRY_PATH_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::image {

// A relative path without ".", "..", empty components or a trailing '/'; "" is the layer's root.
// PermissionDenied for an absolute name or "..", InvalidArgument for an over-long or empty one.
absl::StatusOr<std::string> CleanEntryPath(std::string_view raw);

// The same for the target of a hard link, where a leading '/' means the layer's root (some builders write
// it).
absl::StatusOr<std::string> CleanLinkTarget(std::string_view raw);

struct DirAndName {
  std::string_view directory;  // "" is the root
  std::string_view name;
};
DirAndName SplitEntry(std::string_view clean_path);

// What the last component of a name says (OCI image-spec, layer.md, "Whiteouts").
enum class Marker {
  kNone,
  kWhiteout,  // ".wh.<name>": hides <name> of lower layers
  kOpaque,    // ".wh..wh..opq": hides all of the directory in lower layers
  kIgnored,   // ".wh..wh.<other>": bookkeeping of AUFS
};
struct ParsedMarker {
  Marker marker = Marker::kNone;
  std::string_view hidden_name;  // for kWhiteout
};
// InvalidArgument for a whiteout of nothing, "." or "..".
absl::StatusOr<ParsedMarker> ParseMarker(std::string_view name);

}  // namespace cc::image

#endif  // CC_IMAGE_ENTRY_PATH_H_
