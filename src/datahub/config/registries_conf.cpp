// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/registries_conf.h"

#include "base/status.h"

namespace cc::datahub {

void ReadRegistries(TomlTable table, image::RegistryRules* rules) {
  table.Read("unqualified-search-registries", &rules->unqualified_search_registries);
  for (TomlTable& entry : table.Tables("registry")) {
    image::RegistryRules::Registry& registry = rules->registries.emplace_back();
    entry.Read("prefix", &registry.prefix);
    entry.Read("location", &registry.location);
    entry.Read("insecure", &registry.insecure);
    entry.Read("blocked", &registry.blocked);
    for (TomlTable& mirror_entry : entry.Tables("mirror")) {
      image::RegistryRules::Mirror& mirror = registry.mirrors.emplace_back();
      mirror_entry.Read("location", &mirror.location);
      mirror_entry.Read("insecure", &mirror.insecure);
    }
  }
}

absl::StatusOr<image::RegistryRules> ParseRegistriesConf(std::string_view toml, std::string_view source) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml, source));
  image::RegistryRules rules;
  ReadRegistries(root, &rules);
  CC_RETURN_IF_ERROR(root.Finish());
  CC_RETURN_IF_ERROR(Annotate(rules.Check(), source));
  return rules;
}

}  // namespace cc::datahub
