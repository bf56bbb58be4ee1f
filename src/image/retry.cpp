// SPDX-License-Identifier: Apache-2.0
#include "image/retry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

namespace cc::image {

bool IsTransient(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

bool Backoff::Wait(std::optional<std::chrono::milliseconds> server_delay, const std::stop_token& stop) {
  if (attempts_ >= policy_.max_attempts || stop.stop_requested()) return false;
  auto delay = std::min(policy_.max_delay, policy_.first_delay * (1 << std::min(attempts_ - 1, 16)));
  // Half fixed, half random: pods that fail together do not come back together.
  static thread_local std::minstd_rand random{std::random_device{}()};
  delay = delay / 2 + std::chrono::milliseconds(std::uniform_int_distribution<long>(
                          0, static_cast<long>(delay.count() / 2))(random));
  if (server_delay) delay = std::max(delay, std::min(*server_delay, policy_.max_server_delay));
  ++attempts_;

  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, delay, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace cc::image
