// SPDX-License-Identifier: Apache-2.0
// A log line every few seconds of a pull that takes longer. Thread-safe.
#ifndef CC_IMAGE_PULL_PROGRESS_H_
#define CC_IMAGE_PULL_PROGRESS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace cc::image {

class PullProgress {
 public:
  // `total` bytes are to be downloaded at most (less, when layers are there already).
  PullProgress(std::string image, uint64_t total);
  void Add(uint64_t bytes);
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::chrono::milliseconds Elapsed() const;

 private:
  using Clock = std::chrono::steady_clock;
  const std::string image_;
  const uint64_t total_;
  const Clock::time_point start_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<int64_t> next_report_ms_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_PULL_PROGRESS_H_
