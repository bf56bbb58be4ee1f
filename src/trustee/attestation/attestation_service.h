// SPDX-License-Identifier: Apache-2.0
// Evidence in, signed attestation result out: verifier, then policy over its claims and the reference values.
#ifndef CC_TRUSTEE_ATTESTATION_ATTESTATION_SERVICE_H_
#define CC_TRUSTEE_ATTESTATION_ATTESTATION_SERVICE_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trustee/attestation/appraiser.h"
#include "trustee/attestation/decision.h"
#include "trustee/attestation/token_issuer.h"
#include "trustee/attestation/trust_vector.h"
#include "trustee/policies/policy_book.h"
#include "trustee/rvps/reference_values.h"
#include "trustee/verifier/verifier.h"

namespace cc::trustee {

// Thread-safe; appraisals run in parallel.
class AttestationService final : public Appraiser {
 public:
  AttestationService(Verifiers verifiers, std::shared_ptr<PolicyBook> policies,
                     std::shared_ptr<ReferenceValues> reference_values,
                     std::shared_ptr<DecisionLog> decisions, TokenIssuer issuer)
      : verifiers_(std::move(verifiers)),
        policies_(std::move(policies)),
        reference_values_(std::move(reference_values)),
        decisions_(std::move(decisions)),
        issuer_(std::move(issuer)) {}

  absl::Status CheckTee(std::string_view tee) const override;
  absl::StatusOr<std::string> Appraise(const std::vector<EvidenceItem>& items, const std::string& policy_id,
                                       const std::string& session) const override;

  const TokenIssuer& issuer() const { return issuer_; }

 private:
  absl::StatusOr<VerifierClaims> Verify(const EvidenceItem& item) const;
  // The appraisal of one piece of evidence, as it goes into the token.
  absl::StatusOr<nlohmann::json> Judge(const EvidenceItem& item, const VerifierClaims& claims,
                                       const std::string& policy_id, Decision& decision) const;
  // In words, what keeps a guest from being affirmed. `absent`: reference values the policy asked for in
  // vain.
  std::vector<std::string> Reasons(const nlohmann::json& from_policy, const TrustVector& vector,
                                   const std::set<std::string>& absent) const;

  const Verifiers verifiers_;
  const std::shared_ptr<PolicyBook> policies_;
  const std::shared_ptr<ReferenceValues> reference_values_;
  const std::shared_ptr<DecisionLog> decisions_;
  const TokenIssuer issuer_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_ATTESTATION_SERVICE_H_
