// SPDX-License-Identifier: Apache-2.0
// containers-registries.conf(5) as TOML: alone in a file, or as cdh.toml's table image.registry_config.
#ifndef CC_DATAHUB_CONFIG_REGISTRIES_CONF_H_
#define CC_DATAHUB_CONFIG_REGISTRIES_CONF_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "base/toml.h"
#include "image/registries.h"

namespace cc::datahub {

// Errors come out of the table's Finish.
void ReadRegistries(TomlTable table, image::RegistryRules* rules);

// A whole file. Keys that image-rs does not support are errors.
absl::StatusOr<image::RegistryRules> ParseRegistriesConf(std::string_view toml, std::string_view source);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_REGISTRIES_CONF_H_
