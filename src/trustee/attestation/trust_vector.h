// SPDX-License-Identifier: Apache-2.0
// AR4SI trustworthiness vector (draft-ietf-rats-ar4si): eight claims from -128 to 127, the tier of each, and
// the tier of the whole, which is that of the worst.
#ifndef CC_TRUSTEE_ATTESTATION_TRUST_VECTOR_H_
#define CC_TRUSTEE_ATTESTATION_TRUST_VECTOR_H_

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::trustee {

enum class Tier { kNone, kAffirming, kWarning, kContraindicated };

Tier TierOf(int value);
// "none", "affirming", "warning", "contraindicated".
std::string_view TierName(Tier tier);

class TrustVector {
 public:
  // The object of a policy's `trust_claims` rule. FailedPrecondition for a claim that is not one of the
  // eight, a value that is no integer of the range, or when nothing is asserted at all.
  static absl::StatusOr<TrustVector> FromPolicy(const nlohmann::json& trust_claims);

  Tier Status() const;
  const std::map<std::string, int, std::less<>>& claims() const { return claims_; }

  // A line for each claim that warns or contraindicates: "executables 33 (warning): …".
  std::vector<std::string> Objections() const;

 private:
  std::map<std::string, int, std::less<>> claims_;
};

// "executables 33 (warning): not recognized".
std::string DescribeClaim(std::string_view claim, int value);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_TRUST_VECTOR_H_
