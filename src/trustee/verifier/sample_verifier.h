// SPDX-License-Identifier: Apache-2.0
// Evidence of the sample attester: anybody can write it. For development without hardware only.
#ifndef CC_TRUSTEE_VERIFIER_SAMPLE_VERIFIER_H_
#define CC_TRUSTEE_VERIFIER_SAMPLE_VERIFIER_H_

#include "trustee/verifier/verifier.h"

namespace cc::trustee {

// Says that evidence which proves nothing may be accepted.
struct AllowSampleEvidence {};

class SampleVerifier final : public Verifier {
 public:
  explicit SampleVerifier(AllowSampleEvidence) {}

  absl::StatusOr<VerifierClaims> Verify(const nlohmann::json& evidence, std::string_view report_data,
                                        const std::optional<std::string>& init_data_digest) const override;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_VERIFIER_SAMPLE_VERIFIER_H_
