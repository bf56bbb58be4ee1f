// SPDX-License-Identifier: Apache-2.0
// When and how long to wait before a request is tried again.
#ifndef CC_IMAGE_RETRY_H_
#define CC_IMAGE_RETRY_H_

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"

namespace cc::image {

struct RetryPolicy {
  int max_attempts = 5;  // in a row without progress
  std::chrono::milliseconds first_delay{200};
  std::chrono::milliseconds max_delay{5000};
  // A server may ask for more time (Retry-After), but not for more than this.
  std::chrono::milliseconds max_server_delay{30000};
};

// Unavailable and DeadlineExceeded pass with time; nothing else does.
bool IsTransient(const absl::Status& status);

class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy) : policy_(policy) {}

  // Waits before the next attempt. False when the attempts are used up or `stop` was requested.
  bool Wait(std::optional<std::chrono::milliseconds> server_delay, const std::stop_token& stop);
  // Progress was made: attempts count from the start again.
  void Reset() { attempts_ = 1; }
  int attempts() const { return attempts_; }

 private:
  const RetryPolicy policy_;
  int attempts_ = 1;
};

}  // namespace cc::image

#endif  // CC_IMAGE_RETRY_H_
