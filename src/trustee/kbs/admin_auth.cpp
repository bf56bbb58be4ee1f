// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/admin_auth.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/jwt.h"
#include "trustee/kbs/http.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr int64_t kLeewaySeconds = 30;
// std::regex recurses over its input.
constexpr size_t kMaxPath = 2048;

std::vector<jose::SignatureAlgorithm> AlgorithmsOf(const jose::Key& key) {
  if (key.type() == jose::KeyType::kRsa) {
    return {jose::SignatureAlgorithm::kRs256, jose::SignatureAlgorithm::kPs256};
  }
  const absl::StatusOr<jose::SignatureAlgorithm> algorithm = jose::DefaultAlgorithm(key);
  if (!algorithm.ok()) return {};
  return {*algorithm};
}

}  // namespace

absl::StatusOr<AdminRule> AdminRule::Parse(const std::string& text) {
  const SplitPair parts = SplitOnce(text, ' ');
  if (!parts.found || parts.first.empty() || StrTrim(parts.second).empty()) {
    return absl::InvalidArgumentError(
        StrCat("admin rule '", text, "': expected \"ROLE REGEX\", as in \"owner /kbs/v0/.*\""));
  }
  AdminRule rule;
  rule.role = parts.first;
  try {
    rule.endpoints =
        std::regex(std::string(StrTrim(parts.second)), std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(StrCat("admin rule '", text, "': no valid expression: ", error.what()));
  }
  return rule;
}

absl::StatusOr<std::string> AdminAuth::Check(std::string_view authorization, std::string_view path) const {
  if (anybody_) return "anybody";
  if (keys_.empty()) {
    return absl::PermissionDeniedError("administration is switched off here (admin mode deny_all)");
  }
  const std::string_view token = BearerToken(authorization);
  if (token.empty()) return absl::UnauthenticatedError("administration needs a bearer token");
  absl::StatusOr<json> claims = absl::UnauthenticatedError("no key");
  for (const jose::Key& key : keys_) {
    for (const jose::SignatureAlgorithm algorithm : AlgorithmsOf(key)) {
      if (!claims.ok()) {
        claims = jose::VerifyJwt(
            token, key, algorithm,
            {.now = clock_(), .leeway = kLeewaySeconds, .issuer = issuer_, .audience = audience_});
      }
    }
  }
  if (!claims.ok()) {
    return absl::UnauthenticatedError(StrCat("administrator token: ", MessageOf(claims.status())));
  }
  const auto role = claims->find("role");
  if (role == claims->end() || !role->is_string()) {
    return absl::PermissionDeniedError("administrator token: has no role");
  }
  const std::string name = role->get<std::string>();
  for (const AdminRule& rule : rules_) {
    if (rule.role == name && path.size() <= kMaxPath &&
        std::regex_match(path.begin(), path.end(), rule.endpoints)) {
      return name;
    }
  }
  return absl::PermissionDeniedError(
      StrCat("role '", name.substr(0, 64), "' may not use ", path.substr(0, 256)));
}

absl::StatusOr<std::string> MintAdminToken(const jose::Key& key, const std::string& role,
                                           const std::string& issuer, const std::string& audience,
                                           int64_t now, int64_t lifetime_seconds) {
  json claims = {{"role", role}, {"iat", now}, {"exp", now + lifetime_seconds}};
  if (!issuer.empty()) claims["iss"] = issuer;
  if (!audience.empty()) claims["aud"] = audience;
  CC_ASSIGN_OR_RETURN(const jose::SignatureAlgorithm algorithm, jose::DefaultAlgorithm(key));
  return jose::SignCompact(key, algorithm, {{"typ", "JWT"}}, claims.dump());
}

}  // namespace cc::trustee
