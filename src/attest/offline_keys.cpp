// SPDX-License-Identifier: Apache-2.0
#include "attest/offline_keys.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"

namespace cc::attest {

absl::StatusOr<OfflineKeys> OfflineKeys::Load(const std::vector<std::string>& paths) {
  OfflineKeys keys;
  for (const std::string& path : paths) {
    const absl::StatusOr<std::string> text = ReadFile(path);
    if (absl::IsNotFound(text.status())) continue;
    if (!text.ok()) return text.status();
    CC_ASSIGN_OR_RETURN(const nlohmann::json object, jose::ParseJsonObject(*text, path));
    for (const auto& [name, value] : object.items()) {
      const absl::StatusOr<ResourceUri> uri = ResourceUri::FromPath(name);
      if (!uri.ok()) return Annotate(uri.status(), path);
      CC_ASSIGN_OR_RETURN(const std::string encoded, jose::StringMember(object, name, path));
      absl::StatusOr<std::string> bytes = jose::Base64Decode(encoded);
      if (!bytes.ok()) return absl::InvalidArgumentError(StrCat(path, ": '", name, "' is no base64"));
      if (!keys.resources_.try_emplace(uri->path(), SecretBytes(*std::move(bytes))).second) {
        return absl::InvalidArgumentError(StrCat(path, ": '", name, "' is there already"));
      }
    }
  }
  return keys;
}

absl::StatusOr<SecretBytes> OfflineKeys::Get(const ResourceUri& uri) {
  const auto found = resources_.find(uri.path());
  if (uri.plugin() != "resource" || found == resources_.end()) {
    return absl::NotFoundError(
        StrCat("get ", uri.ToString(), ": not among the resources in the guest image"));
  }
  return SecretBytes::CopyOf(found->second.view());
}

}  // namespace cc::attest
