// SPDX-License-Identifier: Apache-2.0
#include "image/entry_path.h"

#include <climits>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

// For messages: hostile names may be long.
std::string_view Shown(std::string_view raw) { return raw.substr(0, 120); }

absl::StatusOr<std::string> Clean(std::string_view raw) {
  if (raw.size() >= PATH_MAX) {
    return absl::InvalidArgumentError(StrCat("entry '", Shown(raw), "…': the path has ", raw.size(),
                                             " bytes, the limit is ", PATH_MAX - 1));
  }
  std::string clean;
  clean.reserve(raw.size());
  for (std::string_view component : StrSplit(raw, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      return absl::PermissionDeniedError(StrCat("entry '", Shown(raw), "' contains '..'"));
    }
    if (component.size() > NAME_MAX) {
      return absl::InvalidArgumentError(
          StrCat("entry '", Shown(raw), "…': a name has more than ", NAME_MAX, " bytes"));
    }
    if (!clean.empty()) clean.push_back('/');
    clean.append(component);
  }
  return clean;
}

}  // namespace

absl::StatusOr<std::string> CleanEntryPath(std::string_view raw) {
  if (raw.empty()) return absl::InvalidArgumentError("an entry has no name");
  if (raw.front() == '/')
    return absl::PermissionDeniedError(StrCat("entry '", Shown(raw), "' has an absolute name"));
  return Clean(raw);
}

absl::StatusOr<std::string> CleanLinkTarget(std::string_view raw) {
  CC_ASSIGN_OR_RETURN(std::string clean, Clean(raw));
  if (clean.empty()) return absl::InvalidArgumentError("a hard link has no target");
  return clean;
}

DirAndName SplitEntry(std::string_view clean_path) {
  const size_t slash = clean_path.rfind('/');
  if (slash == std::string_view::npos) return {"", clean_path};
  return {clean_path.substr(0, slash), clean_path.substr(slash + 1)};
}

absl::StatusOr<ParsedMarker> ParseMarker(std::string_view name) {
  constexpr std::string_view kPrefix = ".wh.";
  constexpr std::string_view kMetaPrefix = ".wh..wh.";
  if (!name.starts_with(kPrefix)) return ParsedMarker{};
  if (name == ".wh..wh..opq") return ParsedMarker{Marker::kOpaque, {}};
  if (name.starts_with(kMetaPrefix)) return ParsedMarker{Marker::kIgnored, {}};
  const std::string_view hidden = name.substr(kPrefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    return absl::InvalidArgumentError(StrCat("whiteout '", name, "' names no file"));
  }
  return ParsedMarker{Marker::kWhiteout, hidden};
}

}  // namespace cc::image
