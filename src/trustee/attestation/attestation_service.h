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
#include "jose/digest.h"
#include "trustee/attestation/decision.h"
#include "trustee/attestation/init_data.h"
#include "trustee/attestation/token_issuer.h"
#include "trustee/attestation/trust_vector.h"
#include "trustee/policies/policy_book.h"
#include "trustee/rvps/reference_values.h"
#include "trustee/verifier/verifier.h"

namespace cc::trustee {

struct EvidenceItem {
  std::string tee;
  nlohmann::json evidence;
  nlohmann::json runtime_data;             // the evidence must carry the hash of its canonical form
  std::optional<std::string> report_data;  // or, without runtime data, exactly these bytes
  jose::Hash hash = jose::Hash::kSha384;
  std::optional<InitData> init_data;
};

// Thread-safe; appraisals run in parallel.
class AttestationService {
 public:
  AttestationService(Verifiers verifiers, std::shared_ptr<PolicyBook> policies,
                     std::shared_ptr<ReferenceValues> reference_values,
                     std::shared_ptr<DecisionLog> decisions, TokenIssuer issuer)
      : verifiers_(std::move(verifiers)),
        policies_(std::move(policies)),
        reference_values_(std::move(reference_values)),
        decisions_(std::move(decisions)),
        issuer_(std::move(issuer)) {}

  // Unimplemented, naming the fix, for a kind of TEE that is not served.
  absl::Status CheckTee(std::string_view tee) const;

  // The token; its status may be anything, "contraindicated" included: relying parties judge.
  // PermissionDenied or InvalidArgument when a verifier refuses, FailedPrecondition when the policy is at
  // fault. Every outcome is recorded under `session`.
  absl::StatusOr<std::string> Appraise(const std::vector<EvidenceItem>& items, const std::string& policy_id,
                                       const std::string& session) const;

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
