// SPDX-License-Identifier: Apache-2.0
// Who turns a guest's evidence into a token: the attestation service of this process, or one elsewhere.
#ifndef CC_TRUSTEE_ATTESTATION_APPRAISER_H_
#define CC_TRUSTEE_ATTESTATION_APPRAISER_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jose/digest.h"
#include "trustee/attestation/init_data.h"

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
class Appraiser {
 public:
  virtual ~Appraiser() = default;

  // Unimplemented, naming the fix, for a kind of TEE that is not served.
  virtual absl::Status CheckTee(std::string_view tee) const = 0;

  // The token; its status may be anything, "contraindicated" included: relying parties judge.
  // PermissionDenied or InvalidArgument when a verifier refuses, FailedPrecondition when the policy is at
  // fault. Every outcome is recorded under `session`.
  virtual absl::StatusOr<std::string> Appraise(const std::vector<EvidenceItem>& items,
                                               const std::string& policy_id,
                                               const std::string& session) const = 0;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_APPRAISER_H_
