// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/labels.h"

#include "base/status.h"
#include "base/strings.h"

namespace cc::snapshotter {
namespace {

constexpr std::string_view kAll = "labels";
constexpr std::string_view kOne = "labels.";
constexpr size_t kMaxLabel = 4096;

}  // namespace

Labels WithoutEmpty(Labels labels) {
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  return labels;
}

absl::Status CheckLabels(const Labels& labels) {
  for (const auto& [name, value] : labels) {
    if (name.empty()) return absl::InvalidArgumentError("a label has no name");
    if (name.size() + value.size() > kMaxLabel) {
      return absl::InvalidArgumentError(
          StrCat("label '", name.substr(0, 64), "': name and value exceed ", kMaxLabel, " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPaths(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (path != kAll && !(path.starts_with(kOne) && path.size() > kOne.size())) {
      return absl::InvalidArgumentError(StrCat("field '", path, "' of a snapshot cannot be updated"));
    }
  }
  return absl::OkStatus();
}

void ApplyPaths(const std::vector<std::string>& paths, const Labels& from, Labels& to) {
  if (paths.empty()) to = from;
  for (const std::string& path : paths) {
    if (path == kAll) {
      to = from;
      continue;
    }
    const std::string name = path.substr(kOne.size());
    const auto it = from.find(name);
    to[name] = it == from.end() ? "" : it->second;
  }
}

}  // namespace cc::snapshotter
