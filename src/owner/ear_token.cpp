// SPDX-License-Identifier: Apache-2.0
#include "owner/ear_token.h"

#include <algorithm>
#include <ctime>

#include "base/status.h"
#include "base/strings.h"
#include "jose/json.h"
#include "jose/jws.h"

namespace cc::owner {
namespace {

using nlohmann::json;

constexpr size_t kMaxToken = 4 << 20;

// A member as text for a terminal: strings bare, anything else as JSON; "" when absent.
std::string Show(const json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) return "";
  const json& value = object[key];
  std::string text = value.is_string() ? value.get<std::string>()
                                       : value.dump(-1, ' ', false, json::error_handler_t::replace);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string TimeText(const json& claims, const char* key) {
  if (!claims.contains(key) || !claims[key].is_number_integer()) return "";
  const time_t seconds = claims[key].get<int64_t>();
  std::tm parts{};
  char text[32];
  if (::gmtime_r(&seconds, &parts) == nullptr) return "";
  return std::string(text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

absl::Status Verify(std::string_view text, std::string_view jwks) {
  CC_ASSIGN_OR_RETURN(const json set, jose::ParseJsonObject(jwks, "key set"));
  const auto keys = set.find("keys");
  if (keys == set.end() || !keys->is_array()) {
    return absl::InvalidArgumentError("key set: 'keys' must be a list");
  }
  for (const json& jwk : *keys) {
    const absl::StatusOr<jose::Key> key = jose::Key::FromJwk(jwk);
    if (!key.ok()) continue;
    const absl::StatusOr<jose::SignatureAlgorithm> algorithm = jose::DefaultAlgorithm(*key);
    if (algorithm.ok() && jose::VerifyCompact(text, *key, *algorithm).ok()) return absl::OkStatus();
  }
  return absl::PermissionDeniedError("attestation token: no key of the set has signed it");
}

void DescribeSubmodule(const std::string& name, const json& submodule, std::string* out) {
  StrAppend(out, name, ": ", Show(submodule, "ear.status"), "\n");
  if (const std::string policy = Show(submodule, "ear.appraisal-policy-id"); !policy.empty()) {
    StrAppend(out, "  policy             ", policy, "\n");
  }
  const auto vector = submodule.find("ear.trustworthiness-vector");
  if (vector == submodule.end() || !vector->is_object()) return;
  for (const auto& [claim, value] : vector->items()) {
    std::string padded = claim;
    padded.resize(std::max<size_t>(padded.size(), 18), ' ');
    StrAppend(out, "  ", padded, " ",
              value.is_number_integer() ? TrustTierText(value.get<int64_t>()) : value.dump(), "\n");
  }
  const auto evidence = submodule.find("ear.veraison.annotated-evidence");
  if (evidence == submodule.end() || !evidence->is_object()) return;
  StrAppend(out, "  evidence\n");
  const std::string text = evidence->dump(2, ' ', false, json::error_handler_t::replace);
  for (const std::string_view line : StrSplit(text, '\n')) StrAppend(out, "    ", line, "\n");
}

}  // namespace

absl::StatusOr<EarToken> ReadEarToken(std::string_view text, const std::optional<std::string>& jwks) {
  text = StrTrim(text);
  if (text.size() > kMaxToken) return absl::InvalidArgumentError("attestation token: longer than 4 MiB");
  CC_ASSIGN_OR_RETURN(const jose::UnverifiedJws jws, jose::PeekCompact(text));
  EarToken token;
  CC_ASSIGN_OR_RETURN(token.header, jose::ParseJsonObject(jws.header, "attestation token, header"));
  CC_ASSIGN_OR_RETURN(token.claims, jose::ParseJsonObject(jws.payload, "attestation token"));
  if (jwks.has_value()) {
    CC_RETURN_IF_ERROR(Verify(text, *jwks));
    token.verified = true;
  }
  return token;
}

std::string TrustTierText(int64_t value) {
  const char* tier = "outside the defined range";
  if (value >= -1 && value <= 1) {
    tier = "none";
  } else if (value >= -32 && value <= 31) {
    tier = "affirming";
  } else if (value >= -96 && value <= 95) {
    tier = "warning";
  } else if (value >= -128 && value <= 127) {
    tier = "contraindicated";
  }
  return StrCat(tier, " (", value, ")");
}

std::string DescribeEarToken(const EarToken& token, int64_t now) {
  std::string out = StrCat("signature: ", Show(token.header, "alg"),
                           token.verified ? ", verified with the given keys" : ", NOT verified", "\n");
  StrAppend(&out, "issuer:    ", Show(token.claims, "iss"), "\n");
  StrAppend(&out, "issued:    ", TimeText(token.claims, "iat"), "\n");
  StrAppend(&out, "expires:   ", TimeText(token.claims, "exp"));
  const auto expiry = token.claims.find("exp");
  if (expiry == token.claims.end() || !expiry->is_number_integer()) {
    StrAppend(&out, "never");
  } else if (expiry->get<int64_t>() <= now) {
    StrAppend(&out, " (EXPIRED)");
  }
  StrAppend(&out, "\n");
  const auto submodules = token.claims.find("submods");
  if (submodules == token.claims.end() || !submodules->is_object()) {
    return StrAppend(&out, "no appraisal (submods): this is no attestation result\n"), out;
  }
  for (const auto& [name, submodule] : submodules->items()) DescribeSubmodule(name, submodule, &out);
  return out;
}

}  // namespace cc::owner
