// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/init_data.h"

#include "base/status.h"
#include "initdata/initdata.h"
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

// Discarded when the text is no TOML.
json ToJson(const std::string& toml) {
  try {
    std::ostringstream text;
    text << toml::json_formatter(toml::parse(toml));
    return json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  } catch (const toml::parse_error&) {
    return json(json::value_t::discarded);
  }
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
  CC_ASSIGN_OR_RETURN(const initdata::InitData parsed, initdata::Parse(text));
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, jose::ParseHash(parsed.algorithm));
  InitData result{jose::Digest(hash, text), json::object(), std::string(text)};
  for (const auto& [name, value] : parsed.data) {
    if (name == initdata::kAttestationAgentConfig || name == initdata::kDataHubConfig) {
      json converted = ToJson(value);
      if (!converted.is_discarded()) {
        result.claims[name] = std::move(converted);
        continue;
      }
    }
    if (name == initdata::kAgentPolicy) {
      json claims = PolicyData(value);
      if (!claims.is_discarded()) {
        result.claims["agent_policy_claims"] = std::move(claims);
        continue;
      }
    }
    result.claims[name] = value;
  }
  return result;
}

}  // namespace cc::trustee
