// SPDX-License-Identifier: Apache-2.0
#include "cca/verify.h"

#include <string>

#include "base/status.h"
#include "base/strings.h"
#include "cca/lifecycle.h"
#include "jose/digest.h"

namespace cc::cca {
namespace {

absl::Status Failed(std::string_view check, std::string_view why) {
  return absl::PermissionDeniedError(StrCat("CCA token refused: check '", check, "' failed: ", why));
}

absl::Status CheckChallenge(const RealmClaims& realm, std::string_view report_data) {
  std::string expected(report_data);
  expected.resize(64, '\0');
  if (realm.challenge == expected) return absl::OkStatus();
  return Failed("challenge", StrCat("the token answers ", jose::ToHex(realm.challenge), ", expected ",
                                    jose::ToHex(expected)));
}

absl::Status CheckBinding(const CcaClaims& claims) {
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, HashByTokenName(claims.realm.public_key_hash_algorithm));
  if (claims.platform.challenge == jose::Digest(hash, claims.realm.public_key)) return absl::OkStatus();
  return Failed("rak-binding", StrCat("the ", claims.realm.public_key_hash_algorithm,
                                      " of the realm's public key is not the platform's challenge, so the "
                                      "two tokens do not belong together"));
}

absl::Status CheckLifecycle(const PlatformClaims& platform, const VerifyOptions& options) {
  const Lifecycle state = LifecycleOf(platform.lifecycle);
  if (state == Lifecycle::kSecured) return absl::OkStatus();
  if (IsDebug(state) && options.debug_lifecycle.has_value()) return absl::OkStatus();
  return Failed("lifecycle", StrCat("the platform is in state ", LifecycleName(state), " (",
                                    platform.lifecycle, "), not secured"));
}

}  // namespace

absl::StatusOr<CcaClaims> VerifyToken(const UnverifiedToken& token, const TrustAnchors& anchors,
                                      std::string_view report_data, const VerifyOptions& options) {
  if (report_data.empty() || report_data.size() > 64) {
    return absl::InvalidArgumentError(
        StrCat("CCA report data of ", report_data.size(), " bytes where 1 to 64 are possible"));
  }
  // Comparisons come first: they cost nothing, signatures do.
  CcaClaims claims{token.platform(), token.realm()};
  CC_RETURN_IF_ERROR(CheckChallenge(claims.realm, report_data));
  CC_RETURN_IF_ERROR(CheckBinding(claims));
  CC_RETURN_IF_ERROR(CheckLifecycle(claims.platform, options));
  const absl::StatusOr<jose::Key> cpak =
      anchors.Find(claims.platform.instance_id, claims.platform.implementation_id);
  if (!cpak.ok()) return Failed("trust-anchor", MessageOf(cpak.status()));
  if (const absl::Status signature = options.platforms != nullptr
                                         ? options.platforms->Verify(token.platform_message(), *cpak)
                                         : token.platform_message().Verify(*cpak);
      !signature.ok()) {
    return Failed("platform-signature", MessageOf(signature));
  }
  if (const absl::Status signature = token.realm_message().Verify(token.rak()); !signature.ok()) {
    return Failed("realm-signature", MessageOf(signature));
  }
  return claims;
}

}  // namespace cc::cca
