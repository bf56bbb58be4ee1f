// SPDX-License-Identifier: Apache-2.0
// JWT (RFC 7519) over a compact JWS: signature first, then the times and names the caller requires.
#ifndef CC_JOSE_JWT_H_
#define CC_JOSE_JWT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jose/jws.h"

namespace cc::jose {

struct JwtRules {
  int64_t now = 0;       // seconds since the epoch
  int64_t leeway = 0;    // seconds that clocks may differ
  std::string issuer;    // `iss` must equal it, unless empty
  std::string audience;  // `aud` must be or contain it, unless empty
  bool require_expiry = true;
};

// The claims. PermissionDenied with the reason: wrong signature or algorithm, expired, not yet valid,
// foreign issuer, other audience; InvalidArgument for a text that is no JWT.
absl::StatusOr<nlohmann::json> VerifyJwt(std::string_view text, const Key& key, SignatureAlgorithm algorithm,
                                         const JwtRules& rules);

}  // namespace cc::jose

#endif  // CC_JOSE_JWT_H_
