// SPDX-License-Identifier: Apache-2.0
// Attestation results (EAR, draft-ietf-rats-ear) of a trust service, in words. Reading is not verifying: the
// text says whether a key was given to check the signature with.
#ifndef CC_OWNER_EAR_TOKEN_H_
#define CC_OWNER_EAR_TOKEN_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::owner {

struct EarToken {
  nlohmann::json header;
  nlohmann::json claims;
  bool verified = false;
};

// `jwks` is the service's key set; when given, one of its keys must have signed the token, else
// PermissionDenied. Expiry is reported, not enforced: an expired token is read to learn why it was refused.
absl::StatusOr<EarToken> ReadEarToken(std::string_view text, const std::optional<std::string>& jwks);

// "affirming (2)" and the like, for a value of a trustworthiness vector (draft-ietf-rats-ar4si).
std::string TrustTierText(int64_t value);

// For people. `now` in seconds since the epoch.
std::string DescribeEarToken(const EarToken& token, int64_t now);

}  // namespace cc::owner

#endif  // CC_OWNER_EAR_TOKEN_H_
