// SPDX-License-Identifier: Apache-2.0
#include "initdata/initdata.h"

#include <optional>

#include "base/status.h"
#include "base/strings.h"

#define TOML_HEADER_ONLY 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace cc::initdata {
namespace {

// The one place where toml++ throws.
absl::StatusOr<toml::table> ParseToml(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        StrCat("initdata: line ", error.source().begin.line, ": ", error.description()));
  }
}

// "SHA-256" and "sha256" are the same.
absl::StatusOr<std::string> NormalAlgorithm(std::string_view name) {
  std::string plain = ToLower(name);
  if (const size_t dash = plain.find('-'); dash != std::string::npos) plain.erase(dash, 1);
  if (plain == "sha256" || plain == "sha384" || plain == "sha512") return plain;
  return absl::InvalidArgumentError(
      StrCat("initdata: algorithm '", name.substr(0, 64), "' is none of sha256, sha384, sha512"));
}

}  // namespace

std::string_view InitData::Find(std::string_view key) const {
  const auto found = data.find(key);
  return found == data.end() ? std::string_view() : std::string_view(found->second);
}

absl::StatusOr<InitData> Parse(std::string_view text) {
  if (text.size() > kMaxSize) return absl::InvalidArgumentError("initdata: longer than 1 MiB");
  CC_ASSIGN_OR_RETURN(const toml::table root, ParseToml(text));
  if (root["version"].value<std::string>() != "0.1.0") {
    return absl::InvalidArgumentError("initdata: 'version' must be \"0.1.0\"");
  }
  const std::optional<std::string> algorithm = root["algorithm"].value<std::string>();
  if (!algorithm.has_value()) return absl::InvalidArgumentError("initdata: 'algorithm' is missing");
  InitData result;
  CC_ASSIGN_OR_RETURN(result.algorithm, NormalAlgorithm(*algorithm));
  const toml::table* data = root["data"].as_table();
  if (data == nullptr) return absl::InvalidArgumentError("initdata: table 'data' is missing");
  for (const auto& [key, node] : *data) {
    std::optional<std::string> value = node.value<std::string>();
    if (!value.has_value()) {
      return absl::InvalidArgumentError(StrCat("initdata: data.", key.str(), " is no string"));
    }
    result.data.emplace(key.str(), *std::move(value));
  }
  return result;
}

}  // namespace cc::initdata
