// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/rate_limit.h"

#include <algorithm>

namespace cc::trustee {
namespace {

// An attacker with many addresses must not fill the memory.
constexpr size_t kMaxAddresses = 65536;

}  // namespace

bool RateLimit::Allow(std::string_view address, Time now) {
  if (per_second_ == 0) return true;
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(address);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kMaxAddresses) {
      // A bucket that has had time to fill is as good as none.
      std::erase_if(buckets_,
                    [&](const auto& entry) { return now - entry.second.updated > std::chrono::seconds(2); });
      if (buckets_.size() >= kMaxAddresses) return false;
    }
    found = buckets_.emplace(std::string(address), Bucket{Burst(), now}).first;
  }
  Bucket& bucket = found->second;
  const std::chrono::duration<double> passed = now - bucket.updated;
  bucket.tokens = std::min(Burst(), bucket.tokens + passed.count() * per_second_);
  bucket.updated = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace cc::trustee
