// SPDX-License-Identifier: Apache-2.0
// What the gRPC and the REST face of the attestation service ask for, as text from whoever asks.
#ifndef CC_TRUSTEE_FACES_APPRAISAL_REQUEST_H_
#define CC_TRUSTEE_FACES_APPRAISAL_REQUEST_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trustee/attestation/attestation_service.h"

namespace cc::trustee {

// One piece of evidence. "encoded" is base64url without padding.
struct EvidenceText {
  std::string tee;
  std::string evidence;                                // encoded JSON
  std::optional<std::string> raw_runtime_data;         // encoded
  std::optional<std::string> structured_runtime_data;  // JSON
  std::optional<std::string> init_data_digest;         // encoded
  std::optional<std::string> init_data_toml;
  std::string hash_algorithm;  // empty: sha384
};

// InvalidArgument names the member. One of the two forms of runtime data must be there: evidence that is
// bound to nothing could be anybody's and of any time.
absl::StatusOr<EvidenceItem> ReadEvidence(const EvidenceText& text);

// Appraises all of them by the first policy id ("default" when there is none) under a session label of its
// own; the token's `jti` is that label.
absl::StatusOr<std::string> AppraiseAll(const AttestationService& service,
                                        const std::vector<EvidenceText>& texts,
                                        const std::vector<std::string>& policy_ids);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_FACES_APPRAISAL_REQUEST_H_
