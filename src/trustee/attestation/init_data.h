// SPDX-License-Identifier: Apache-2.0
// Initdata as the guest sends it: TOML text whose digest the evidence is bound to. Hostile until a verifier
// has compared the digest.
#ifndef CC_TRUSTEE_ATTESTATION_INIT_DATA_H_
#define CC_TRUSTEE_ATTESTATION_INIT_DATA_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::trustee {

struct InitData {
  std::string digest;  // raw, of the whole text
  // What policies see: the data map, with aa.toml and cdh.toml as objects and a policy.rego that ends in
  // `policy_data := {…}` as agent_policy_claims.
  nlohmann::json claims;
  std::string text = {};  // empty when only the digest is known
};

// Errors are those of initdata::Parse.
absl::StatusOr<InitData> ParseInitData(std::string_view toml);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_INIT_DATA_H_
