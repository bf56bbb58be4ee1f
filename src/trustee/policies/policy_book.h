// SPDX-License-Identifier: Apache-2.0
// The policies in force: what administrators stored, over the built-in defaults. A policy is compiled before
// it is stored, so a text that does not compile never replaces one that does.
#ifndef CC_TRUSTEE_POLICIES_POLICY_BOOK_H_
#define CC_TRUSTEE_POLICIES_POLICY_BOOK_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/policy.h"
#include "trustee/store/store.h"

namespace cc::trustee {

enum class PolicyKind { kAttestation, kResource };

inline constexpr std::string_view kResourcePolicyId = "resource-policy";

struct NamedPolicy {
  std::string id;
  std::string digest;  // hex SHA-256 of the text
  policy::Policy policy;
};

// Thread-safe. Replicas that share a store see each other's changes at the next use.
class PolicyBook {
 public:
  explicit PolicyBook(std::shared_ptr<Store> store) : store_(std::move(store)) {}

  // InvalidArgument for a bad id, a text that does not compile or that is no `package policy`.
  absl::Status Set(PolicyKind kind, const std::string& id, const std::string& text);

  // NotFound when there is neither a stored policy nor a default.
  absl::StatusOr<NamedPolicy> Find(PolicyKind kind, const std::string& id);
  absl::StatusOr<std::string> Text(PolicyKind kind, const std::string& id);

  // Stored and default ids, in order.
  absl::StatusOr<std::vector<std::string>> List(PolicyKind kind);

 private:
  const std::shared_ptr<Store> store_;
  std::mutex mutex_;                             // guards compiled_ only
  std::map<std::string, NamedPolicy> compiled_;  // by kind and id; the digest tells whether it is current
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_POLICIES_POLICY_BOOK_H_
