// SPDX-License-Identifier: Apache-2.0
#include "owner/admin_token.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "jose/json.h"
#include "jose/jws.h"

namespace cc::owner {

absl::StatusOr<std::string> MintAdminToken(const jose::Key& key, const AdminClaims& claims, int64_t now) {
  if (claims.lifetime_seconds <= 0) {
    return absl::InvalidArgumentError("administrator token: its lifetime must be positive");
  }
  nlohmann::json payload = {
      {"role", claims.role}, {"iat", now}, {"nbf", now}, {"exp", now + claims.lifetime_seconds}};
  if (!claims.issuer.empty()) payload["iss"] = claims.issuer;
  if (!claims.audience.empty()) payload["aud"] = claims.audience;
  CC_ASSIGN_OR_RETURN(const jose::SignatureAlgorithm algorithm, jose::DefaultAlgorithm(key));
  const absl::StatusOr<std::string> text = jose::JsonText(payload);
  if (!text.ok()) return Annotate(text.status(), "administrator's token");
  return jose::SignCompact(key, algorithm, {{"typ", "JWT"}}, *text);
}

}  // namespace cc::owner
