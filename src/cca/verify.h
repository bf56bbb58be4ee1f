// SPDX-License-Identifier: Apache-2.0
// The decision whether a CCA token comes from a Realm on a trusted platform and answers our challenge. What
// the Realm is (its RIM, RPV, …) is for the policy to judge, with the claims that come out.
#ifndef CC_CCA_VERIFY_H_
#define CC_CCA_VERIFY_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "cca/claims.h"
#include "cca/token.h"
#include "cca/trust_anchors.h"
#include "cca/verified_platforms.h"

namespace cc::cca {

// Says that a platform in one of the two debug states (lifecycle.h) is good enough. Its secrets can be read.
struct AllowDebugLifecycle {};

struct VerifyOptions {
  std::optional<AllowDebugLifecycle> debug_lifecycle;
  VerifiedPlatforms* platforms = nullptr;  // saves the signature check of a platform token seen before
};

// The claims, when all of these hold; else a status whose message names the check in quotes:
//   'challenge'           the realm's challenge is `report_data`, zero-padded to 64 bytes
//   'rak-binding'         the platform's challenge is the hash of the RAK claim as encoded
//   'lifecycle'           the platform is secured
//   'trust-anchor'        the platform's key is known
//   'platform-signature'  that key signed the platform token
//   'realm-signature'     the RAK signed the realm token
// PermissionDenied for a failed check, InvalidArgument when `report_data` is empty or longer than 64 bytes.
absl::StatusOr<CcaClaims> VerifyToken(const UnverifiedToken& token, const TrustAnchors& anchors,
                                      std::string_view report_data, const VerifyOptions& options = {});

}  // namespace cc::cca

#endif  // CC_CCA_VERIFY_H_
