// SPDX-License-Identifier: Apache-2.0
// What an administrator of the trust service shows: a short-lived JWT with a role, signed by the admin key.
#ifndef CC_OWNER_ADMIN_TOKEN_H_
#define CC_OWNER_ADMIN_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::owner {

// The defaults are those of a cc-trustee that generated its administrator's key.
struct AdminClaims {
  std::string role = "owner";
  std::string issuer;  // left out when empty, as `audience` is
  std::string audience = "cc-trustee";
  int64_t lifetime_seconds = 300;
};

// `now` in seconds since the epoch. InvalidArgument for a lifetime that is not positive.
absl::StatusOr<std::string> MintAdminToken(const jose::Key& key, const AdminClaims& claims, int64_t now);

}  // namespace cc::owner

#endif  // CC_OWNER_ADMIN_TOKEN_H_
