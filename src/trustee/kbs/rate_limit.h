// SPDX-License-Identifier: Apache-2.0
// A token bucket for each client address.
#ifndef CC_TRUSTEE_KBS_RATE_LIMIT_H_
#define CC_TRUSTEE_KBS_RATE_LIMIT_H_

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace cc::trustee {

// Thread-safe.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `per_second` requests on average, twice as many at once; 0 switches the limit off.
  explicit RateLimit(unsigned per_second) : per_second_(per_second) {}

  bool Allow(std::string_view address, Time now);

 private:
  struct Bucket {
    double tokens;
    Time updated;
  };
  double Burst() const { return 2.0 * per_second_; }

  const unsigned per_second_;
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_RATE_LIMIT_H_
