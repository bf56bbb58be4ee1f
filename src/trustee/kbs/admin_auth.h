// SPDX-License-Identifier: Apache-2.0
// Who may administer: nobody, unless a JWT signed by a configured key carries a role that a rule allows the
// endpoint.
#ifndef CC_TRUSTEE_KBS_ADMIN_AUTH_H_
#define CC_TRUSTEE_KBS_ADMIN_AUTH_H_

#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jose/key.h"
#include "trustee/clock.h"

namespace cc::trustee {

// Says that anybody who reaches the service may administer it.
struct AllowAnybody {};

// `role` may use paths that match `endpoints` as a whole.
struct AdminRule {
  std::string role;
  std::regex endpoints;

  // "ROLE REGEX", e.g. "owner /kbs/v0/.*". InvalidArgument for anything else.
  static absl::StatusOr<AdminRule> Parse(const std::string& text);
};

// Immutable, thread-safe.
class AdminAuth {
 public:
  // Denies everything.
  AdminAuth() = default;
  explicit AdminAuth(AllowAnybody) : anybody_(true) {}
  // `issuer` and `audience` are required of tokens unless empty.
  AdminAuth(std::vector<jose::Key> keys, std::string issuer, std::string audience,
            std::vector<AdminRule> rules, Clock clock)
      : keys_(std::move(keys)),
        issuer_(std::move(issuer)),
        audience_(std::move(audience)),
        rules_(std::move(rules)),
        clock_(std::move(clock)) {}

  // The role. Unauthenticated without a valid token, PermissionDenied when no rule allows the role this path.
  absl::StatusOr<std::string> Check(std::string_view authorization, std::string_view path) const;

 private:
  bool anybody_ = false;
  std::vector<jose::Key> keys_;
  std::string issuer_;
  std::string audience_;
  std::vector<AdminRule> rules_;
  Clock clock_;
};

// A token for `role` signed with an administrator's key.
absl::StatusOr<std::string> MintAdminToken(const jose::Key& key, const std::string& role,
                                           const std::string& issuer, const std::string& audience,
                                           int64_t now, int64_t lifetime_seconds);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_ADMIN_AUTH_H_
