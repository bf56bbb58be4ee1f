// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/init_data.h"

#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/json.h"

#define TOML_HEADER_ONLY 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include <sstream>

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr size_t kMaxSize = 1 << 20;

// The one place where toml++ throws.
absl::StatusOr<toml::table> ParseToml(std::string_view text, std::string_view what) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        StrCat(what, ": line ", error.source().begin.line, ": ", error.description()));
  }
}

json ToJson(const toml::table& table) {
  std::ostringstream text;
  text << toml::json_formatter(table);
  return json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
}

// The value assigned at the end of a generated agent policy; discarded when there is none.
json PolicyData(std::string_view rego) {
  static constexpr std::string_view kAssignment = "policy_data := ";
  const size_t at = rego.rfind(kAssignment);
  if (at == std::string_view::npos || (at > 0 && rego[at - 1] != '\n')) return json(json::value_t::discarded);
  const absl::StatusOr<json> data =
      jose::ParseJsonObject(rego.substr(at + kAssignment.size()), "policy_data");
  return data.ok() ? *data : json(json::value_t::discarded);
}

}  // namespace

absl::StatusOr<InitData> ParseInitData(std::string_view text) {
  constexpr std::string_view kWhat = "initdata";
  if (text.size() > kMaxSize) return absl::InvalidArgumentError("initdata: longer than 1 MiB");
  CC_ASSIGN_OR_RETURN(const toml::table root, ParseToml(text, kWhat));
  const std::optional<std::string> version = root["version"].value<std::string>();
  if (version != "0.1.0") return absl::InvalidArgumentError("initdata: 'version' must be \"0.1.0\"");
  const std::optional<std::string> algorithm = root["algorithm"].value<std::string>();
  if (!algorithm.has_value()) return absl::InvalidArgumentError("initdata: 'algorithm' is missing");
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, jose::ParseHash(*algorithm));
  const toml::table* data = root["data"].as_table();
  if (data == nullptr) return absl::InvalidArgumentError("initdata: table 'data' is missing");

  InitData result{jose::Digest(hash, text), json::object()};
  for (const auto& [key, node] : *data) {
    const std::optional<std::string> value = node.value<std::string>();
    if (!value.has_value())
      return absl::InvalidArgumentError(StrCat("initdata: data.", key.str(), " is no string"));
    const std::string name(key.str());
    if (name == "aa.toml" || name == "cdh.toml") {
      const absl::StatusOr<toml::table> inner = ParseToml(*value, name);
      const json converted = inner.ok() ? ToJson(*inner) : json(json::value_t::discarded);
      if (!converted.is_discarded()) {
        result.claims[name] = converted;
        continue;
      }
    }
    if (name == "policy.rego") {
      json claims = PolicyData(*value);
      if (!claims.is_discarded()) {
        result.claims["agent_policy_claims"] = std::move(claims);
        continue;
      }
    }
    result.claims[name] = *value;
  }
  return result;
}

}  // namespace cc::trustee
