// SPDX-License-Identifier: Apache-2.0
// The owner's policy over what the host may ask of this guest (Kata's agent policy): Rego in package
// agent_policy, one rule for each request message. A rule that is true allows; so does an object
// {"allowed": true, "ops": [...]} whose JSON patch then changes the policy's own state (data.pstate). What no
// rule allows is denied, unless data.agent_policy.AllowRequestsFailingPolicy says otherwise.
#ifndef CC_AGENT_POLICY_AGENT_POLICY_H_
#define CC_AGENT_POLICY_AGENT_POLICY_H_

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "policy/policy.h"

namespace cc::agent {

// Thread-safe. Without a policy everything is allowed.
class AgentPolicy {
 public:
  // Replaces the policy and forgets its state. InvalidArgument when the text does not compile or is of
  // another package; the policy before stays then.
  absl::Status Set(std::string_view rego);

  // `type` and `payload` as for RequestJson. PermissionDenied when the policy does not allow the request,
  // also when it cannot be evaluated. One request is decided at a time, because each sees the state that the
  // one before left.
  absl::Status Check(std::string_view type, std::string_view payload);

 private:
  absl::StatusOr<bool> Allows(const std::string& rule, const std::string& input);

  std::mutex mutex_;
  std::unique_ptr<policy::Policy> policy_;
  nlohmann::json state_ = nlohmann::json::object();
};

}  // namespace cc::agent

#endif  // CC_AGENT_POLICY_AGENT_POLICY_H_
