// SPDX-License-Identifier: Apache-2.0
// One verifier for each kind of TEE: is this evidence genuine, fresh, and made for this key? What the guest
// is (its measurement, its platform) is not judged here but by policy, with the claims that come out.
#ifndef CC_TRUSTEE_VERIFIER_VERIFIER_H_
#define CC_TRUSTEE_VERIFIER_VERIFIER_H_

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::trustee {

struct VerifierClaims {
  // What policies see as input.<tee>. The members `init_data` and `report_data` (text) are lifted out of it.
  nlohmann::json claims;
  std::string tee_class = "cpu";  // chooses the policy: default_<class>
};

// Thread-safe.
class Verifier {
 public:
  virtual ~Verifier() = default;

  // `report_data` is the digest that the evidence must carry, `init_data_digest` (raw) the one it must be
  // bound to when the guest sent initdata. PermissionDenied when a check fails, InvalidArgument when the
  // evidence is malformed; the message names the check.
  virtual absl::StatusOr<VerifierClaims> Verify(const nlohmann::json& evidence, std::string_view report_data,
                                                const std::optional<std::string>& init_data_digest) const = 0;
};

// By the protocol's name of the TEE ("cca", "sample").
using Verifiers = std::map<std::string, std::unique_ptr<Verifier>, std::less<>>;

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_VERIFIER_VERIFIER_H_
