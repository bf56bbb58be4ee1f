// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/config.h"

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"

namespace cc::snapshotter {

absl::StatusOr<Config> Config::Load(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return Parse(text, path);
}

absl::StatusOr<Config> Config::Parse(std::string_view text, std::string_view source) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(text, source));
  Config config;
  root.Read("root", &config.root);
  root.Read("address", &config.address);
  TomlTable log = root.Table("log");
  log.ReadChoice("level", &config.log.level, {"debug", "info", "warning", "error"});
  log.ReadChoice("format", &config.log.format, {"text", "json"});
  CC_RETURN_IF_ERROR(root.Finish());
  return config;
}

absl::Status Config::Check() const {
  if (!root.starts_with("/")) return absl::InvalidArgumentError(StrCat("root: '", root, "' is not absolute"));
  if (!address.starts_with("/")) {
    return absl::InvalidArgumentError(
        StrCat("address: '", address, "' is not the absolute path of a socket"));
  }
  return absl::OkStatus();
}

}  // namespace cc::snapshotter
