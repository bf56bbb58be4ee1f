// SPDX-License-Identifier: Apache-2.0
// Rego policies: compiled once, evaluated any number of times, with the engine that Kata and Trustee use.
//
//   CC_ASSIGN_OR_RETURN(policy::Policy resource_policy, policy::Policy::Compile("resource.rego", text));
//   CC_ASSIGN_OR_RETURN(policy::Values values,
//                       resource_policy.Evaluate({.rules = {"data.policy.allow"}, .input = claims_json}));
//   const bool allowed = values[0] == "true";
//
// Both the policy and its input may be hostile: a policy is at most 1 MiB, its brackets nest at most 16 deep,
// an evaluation ends after `time_limit`. Policies reach no file, no network and no environment variable.
// Memory is not bounded by the engine. Thread-safe; evaluations of one policy run in parallel.
#ifndef CC_POLICY_POLICY_H_
#define CC_POLICY_POLICY_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct cc_rego_policy;

namespace cc::policy {

// A function that a policy can call with one string; JSON text, or nullopt for null.
struct Lookup {
  std::string name;
  std::function<std::optional<std::string>(std::string_view argument)> function;
};

struct Query {
  std::vector<std::string> rules;  // "data.<package>.<rule>", evaluated in this order
  std::string input;               // JSON text
  std::string data = {};           // JSON object text; empty: no data document
  std::vector<Lookup> lookups = {};
  std::chrono::milliseconds time_limit = std::chrono::seconds(5);  // for each rule
};

// JSON text for each rule of the query; nullopt where the rule is undefined or does not exist.
using Values = std::vector<std::optional<std::string>>;

class Policy {
 public:
  // InvalidArgument with file name, line and column when the text does not compile; ResourceExhausted for a
  // policy of more than 1 MiB.
  static absl::StatusOr<Policy> Compile(std::string_view name, std::string_view text);

  // The package the policy declares, "data.policy" for `package policy`.
  const std::string& package() const { return package_; }

  // DeadlineExceeded when the time limit passes, FailedPrecondition when a rule fails in evaluation (the
  // message has the place), InvalidArgument for input or data that is no JSON.
  absl::StatusOr<Values> Evaluate(const Query& query) const;

 private:
  Policy(std::shared_ptr<cc_rego_policy> policy, std::string name, std::string package)
      : policy_(std::move(policy)), name_(std::move(name)), package_(std::move(package)) {}

  std::shared_ptr<cc_rego_policy> policy_;
  std::string name_;
  std::string package_;
};

}  // namespace cc::policy

#endif  // CC_POLICY_POLICY_H_
