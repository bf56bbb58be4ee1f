// SPDX-License-Identifier: Apache-2.0
#include "agent/policy/agent_policy.h"

#include <future>
#include <optional>
#include <utility>

#include "agent/policy/request_json.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

using nlohmann::json;

constexpr std::string_view kPackage = "data.agent_policy";
constexpr std::string_view kAllowFailing = "AllowRequestsFailingPolicy";

// The engine recurses as deep as the policy nests; a call's own thread has a small stack.
template <typename Function>
auto OnDeepStack(Function function) {
  return std::async(std::launch::async, std::move(function)).get();
}

// "grpc.ExecProcessRequest" to "ExecProcessRequest".
std::string RuleOf(std::string_view type) {
  const size_t dot = type.rfind('.');
  return std::string(dot == std::string_view::npos ? type : type.substr(dot + 1));
}

}  // namespace

absl::Status AgentPolicy::Set(std::string_view rego) {
  absl::StatusOr<policy::Policy> compiled =
      OnDeepStack([rego] { return policy::Policy::Compile("policy.rego", rego); });
  if (!compiled.ok()) return Annotate(compiled.status(), "agent policy");
  if (compiled->package() != kPackage) {
    return absl::InvalidArgumentError(
        StrCat("agent policy: its package is ", compiled->package(), ", not ", kPackage));
  }
  const std::lock_guard lock(mutex_);
  policy_ = std::make_unique<policy::Policy>(*std::move(compiled));
  state_ = json::object();
  return absl::OkStatus();
}

// With the lock held.
absl::StatusOr<bool> AgentPolicy::Allows(const std::string& rule, const std::string& input) {
  const policy::Query query{
      .rules = {StrCat(kPackage, ".", rule)}, .input = input, .data = json{{"pstate", state_}}.dump()};
  CC_ASSIGN_OR_RETURN(const policy::Values values, OnDeepStack([&] { return policy_->Evaluate(query); }));
  if (!values[0].has_value()) return false;
  const json answer = json::parse(*values[0], nullptr, /*allow_exceptions=*/false);
  if (answer.is_boolean()) return answer.get<bool>();
  if (!answer.is_object() || answer.value("allowed", json(false)) != json(true)) return false;
  const json ops = answer.value("ops", json(nullptr));
  if (ops.is_null()) return true;
  try {
    state_ = state_.patch(ops);
  } catch (const json::exception& error) {
    return absl::FailedPreconditionError(StrCat("the changes it makes to its state: ", error.what()));
  }
  return true;
}

absl::Status AgentPolicy::Check(std::string_view type, std::string_view payload) {
  const std::lock_guard lock(mutex_);
  if (policy_ == nullptr) return absl::OkStatus();
  const std::string rule = RuleOf(type);
  CC_ASSIGN_OR_RETURN(const std::string input, RequestJson(type, payload));
  const absl::StatusOr<bool> allowed = Allows(rule, input);
  if (allowed.ok() && *allowed) return absl::OkStatus();
  const std::string reason =
      allowed.ok() ? "no rule allows it" : StrCat("it could not be evaluated: ", MessageOf(allowed.status()));
  const absl::StatusOr<bool> failing = Allows(std::string(kAllowFailing), "{}");
  if (failing.ok() && *failing) {
    log::Warning("request fails the policy, which lets it pass", {{"request", rule}, {"cause", reason}});
    return absl::OkStatus();
  }
  log::Warning("request denied by the policy", {{"request", rule}, {"cause", reason}});
  return absl::PermissionDeniedError(StrCat(rule, " is blocked by policy: ", reason));
}

}  // namespace cc::agent
