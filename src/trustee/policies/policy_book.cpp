// SPDX-License-Identifier: Apache-2.0
#include "trustee/policies/policy_book.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "trustee/policies/default_policies.h"

namespace cc::trustee {
namespace {

// Policies never expire.
constexpr int64_t kAnyTime = 0;
constexpr size_t kMaxCompiled = 64;

struct Default {
  PolicyKind kind;
  std::string_view id;
  std::string_view text;
};
constexpr Default kDefaults[] = {{PolicyKind::kAttestation, "default_cpu", kDefaultCpuPolicy},
                                 {PolicyKind::kResource, kResourcePolicyId, kDefaultResourcePolicy}};

std::string_view Prefix(PolicyKind kind) {
  return kind == PolicyKind::kAttestation ? "attestation/" : "resource/";
}

absl::Status CheckId(std::string_view id) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  if (!id.empty() && id.size() <= 128 && id.front() != '.' && id.find_first_not_of(kAllowed) == id.npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("policy id '", id.substr(0, 128), "': use 1 to 128 letters, digits, '_', '-' and '.'"));
}

absl::StatusOr<NamedPolicy> Compile(const std::string& id, const std::string& text) {
  CC_ASSIGN_OR_RETURN(policy::Policy compiled, policy::Policy::Compile(StrCat(id, ".rego"), text));
  if (compiled.package() != "data.policy") {
    return absl::InvalidArgumentError(
        StrCat("policy ", id, ": declares package ", compiled.package(), ", expected `package policy`"));
  }
  return NamedPolicy{id, jose::ToHex(jose::Digest(jose::Hash::kSha256, text)), std::move(compiled)};
}

}  // namespace

absl::Status PolicyBook::Set(PolicyKind kind, const std::string& id, const std::string& text) {
  CC_RETURN_IF_ERROR(CheckId(id));
  CC_RETURN_IF_ERROR(Compile(id, text).status());
  return store_->Put(Area::kPolicy, {{StrCat(Prefix(kind), id), text}});
}

absl::StatusOr<std::string> PolicyBook::Text(PolicyKind kind, const std::string& id) {
  CC_ASSIGN_OR_RETURN(std::optional<std::string> stored,
                      store_->Get(Area::kPolicy, StrCat(Prefix(kind), id), kAnyTime));
  if (stored.has_value()) return *std::move(stored);
  for (const Default& entry : kDefaults) {
    if (entry.kind == kind && entry.id == id) return std::string(entry.text);
  }
  return absl::NotFoundError(StrCat("policy ", id, ": not set, and there is no default of that name"));
}

absl::StatusOr<NamedPolicy> PolicyBook::Find(PolicyKind kind, const std::string& id) {
  CC_ASSIGN_OR_RETURN(const std::string text, Text(kind, id));
  const std::string digest = jose::ToHex(jose::Digest(jose::Hash::kSha256, text));
  const std::string key = StrCat(Prefix(kind), id);
  {
    const std::lock_guard lock(mutex_);
    const auto found = compiled_.find(key);
    if (found != compiled_.end() && found->second.digest == digest) return found->second;
  }
  CC_ASSIGN_OR_RETURN(NamedPolicy compiled, Compile(id, text));
  const std::lock_guard lock(mutex_);
  if (compiled_.size() >= kMaxCompiled) compiled_.clear();
  compiled_.insert_or_assign(key, compiled);
  return compiled;
}

absl::StatusOr<std::vector<std::string>> PolicyBook::List(PolicyKind kind) {
  CC_ASSIGN_OR_RETURN(const std::vector<std::string> names, store_->List(Area::kPolicy, kAnyTime));
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    if (name.starts_with(Prefix(kind))) ids.push_back(name.substr(Prefix(kind).size()));
  }
  for (const Default& entry : kDefaults) {
    if (entry.kind == kind) ids.emplace_back(entry.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace cc::trustee
