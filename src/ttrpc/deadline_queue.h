// SPDX-License-Identifier: Apache-2.0
// Runs short functions at given times, on one thread that exists from the first use on. Thread-safe.
#ifndef CC_TTRPC_DEADLINE_QUEUE_H_
#define CC_TTRPC_DEADLINE_QUEUE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"
#include "base/thread.h"

namespace cc::ttrpc {

class DeadlineQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Key = std::pair<Time, uint64_t>;

  DeadlineQueue() = default;
  ~DeadlineQueue();
  DeadlineQueue(const DeadlineQueue&) = delete;
  DeadlineQueue& operator=(const DeadlineQueue&) = delete;

  // `fire` must not block. ResourceExhausted when the thread cannot be made.
  absl::StatusOr<Key> Add(Time when, std::function<void()> fire);
  // A function that is running or has run stays so; Remove does not wait for it.
  void Remove(const Key& key);

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;  // a new earliest entry, or the stop
  std::map<Key, std::function<void()>> entries_;
  uint64_t next_ = 0;
  bool stopped_ = false;
  Thread thread_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_DEADLINE_QUEUE_H_
