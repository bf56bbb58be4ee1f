// SPDX-License-Identifier: Apache-2.0
#include "cca/verified_platforms.h"

#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"

namespace cc::cca {

bool VerifiedPlatforms::Known(const std::string& pair) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(pair);
  if (found == known_.end()) return false;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return true;
}

void VerifiedPlatforms::Remember(const std::string& pair) {
  const std::lock_guard lock(mutex_);
  if (capacity_ == 0 || known_.contains(pair)) return;
  if (known_.size() >= capacity_) {
    known_.erase(by_use_.back());
    by_use_.pop_back();
  }
  by_use_.push_front(pair);
  known_.emplace(pair, by_use_.begin());
}

absl::Status VerifiedPlatforms::Verify(const CoseSign1& message, const jose::Key& key) {
  const std::string pair = jose::Digest(jose::Hash::kSha256, StrCat(message.Fingerprint(), key.Thumbprint()));
  if (Known(pair)) return absl::OkStatus();
  CC_RETURN_IF_ERROR(message.Verify(key));
  Remember(pair);
  return absl::OkStatus();
}

size_t VerifiedPlatforms::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

}  // namespace cc::cca
