// SPDX-License-Identifier: Apache-2.0
#include "jose/jwt.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "jose/json.h"

namespace cc::jose {
namespace {

using nlohmann::json;

// A NumericDate, cut to seconds. Far outside any real time counts as malformed.
absl::StatusOr<std::optional<int64_t>> Time(const json& claims, const char* name) {
  const auto member = claims.find(name);
  if (member == claims.end()) return std::nullopt;
  if (!member->is_number()) return absl::InvalidArgumentError(StrCat("JWT: '", name, "' is no number"));
  const double seconds = member->get<double>();
  if (!(seconds >= 0 && seconds < 1e12))
    return absl::InvalidArgumentError(StrCat("JWT: '", name, "' is no time"));
  return static_cast<int64_t>(seconds);
}

bool HasAudience(const json& claims, const std::string& audience) {
  const auto member = claims.find("aud");
  if (member == claims.end()) return false;
  if (member->is_string()) return *member == audience;
  if (!member->is_array()) return false;
  for (const json& item : *member) {
    if (item == audience) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<json> VerifyJwt(std::string_view text, const Key& key, SignatureAlgorithm algorithm,
                               const JwtRules& rules) {
  CC_ASSIGN_OR_RETURN(const std::string payload, VerifyCompact(text, key, algorithm));
  CC_ASSIGN_OR_RETURN(json claims, ParseJsonObject(payload, "JWT claims"));
  CC_ASSIGN_OR_RETURN(const std::optional<int64_t> expiry, Time(claims, "exp"));
  if (!expiry.has_value() && rules.require_expiry) {
    return absl::PermissionDeniedError("JWT: has no expiry (exp); a token must end");
  }
  if (expiry.has_value() && *expiry + rules.leeway <= rules.now) {
    return absl::PermissionDeniedError(StrCat("JWT: expired ", rules.now - *expiry, " s ago"));
  }
  CC_ASSIGN_OR_RETURN(const std::optional<int64_t> start, Time(claims, "nbf"));
  if (start.has_value() && *start - rules.leeway > rules.now) {
    return absl::PermissionDeniedError(
        StrCat("JWT: valid only in ", *start - rules.now, " s; check the clocks"));
  }
  if (!rules.issuer.empty()) {
    const auto issuer = claims.find("iss");
    if (issuer == claims.end() || !issuer->is_string() || *issuer != rules.issuer) {
      return absl::PermissionDeniedError(StrCat("JWT: not issued by '", rules.issuer, "'"));
    }
  }
  if (!rules.audience.empty() && !HasAudience(claims, rules.audience)) {
    return absl::PermissionDeniedError(StrCat("JWT: not made for audience '", rules.audience, "'"));
  }
  return claims;
}

}  // namespace cc::jose
