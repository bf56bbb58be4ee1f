// SPDX-License-Identifier: Apache-2.0
// Evidence of an Arm CCA Realm: {"token": bytes}, the bytes as an array of integers (upstream's form) or as
// standard base64.
#ifndef CC_TRUSTEE_VERIFIER_CCA_VERIFIER_H_
#define CC_TRUSTEE_VERIFIER_CCA_VERIFIER_H_

#include "cca/trust_anchors.h"
#include "cca/verify.h"
#include "trustee/verifier/verifier.h"

namespace cc::trustee {

class CcaVerifier final : public Verifier {
 public:
  CcaVerifier(cca::TrustAnchors anchors, cca::VerifyOptions options)
      : anchors_(std::move(anchors)), options_(options), platforms_(kPlatforms) {
    options_.platforms = &platforms_;
  }

  // Checks both signatures, the RAK binding, the challenge, the lifecycle and, with initdata, that the RPV is
  // its digest (zero-padded).
  absl::StatusOr<VerifierClaims> Verify(const nlohmann::json& evidence, std::string_view report_data,
                                        const std::optional<std::string>& init_data_digest) const override;

 private:
  // Boots of platforms in use at a time; each costs some hundred bytes.
  static constexpr size_t kPlatforms = 4096;

  const cca::TrustAnchors anchors_;
  cca::VerifyOptions options_;
  mutable cca::VerifiedPlatforms platforms_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_VERIFIER_CCA_VERIFIER_H_
