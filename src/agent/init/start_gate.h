// SPDX-License-Identifier: Apache-2.0
// Holds calls back while the guest is being set up, and refuses them when that failed. The agent answers its
// health check from the first moment on; everything else waits here.
#ifndef CC_AGENT_INIT_START_GATE_H_
#define CC_AGENT_INIT_START_GATE_H_

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"

namespace cc::agent {

class StartGate {
 public:
  // Once. OK lets calls pass, anything else is their answer.
  void Set(absl::Status status) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    changed_.notify_all();
  }
  absl::Status Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return status_.has_value(); });
    return *status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<absl::Status> status_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_START_GATE_H_
