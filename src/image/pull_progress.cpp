// SPDX-License-Identifier: Apache-2.0
#include "image/pull_progress.h"

#include "base/log.h"

namespace cc::image {
namespace {
constexpr int64_t kIntervalMs = 2000;
}

PullProgress::PullProgress(std::string image, uint64_t total)
    : image_(std::move(image)), total_(total), start_(Clock::now()), next_report_ms_(kIntervalMs) {}

std::chrono::milliseconds PullProgress::Elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
}

void PullProgress::Add(uint64_t bytes) {
  const uint64_t sum = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const int64_t now = Elapsed().count();
  int64_t due = next_report_ms_.load(std::memory_order_relaxed);
  // Whoever moves the time of the next report writes this one.
  if (now < due || !next_report_ms_.compare_exchange_strong(due, now + kIntervalMs)) return;
  log::Info("pulling", {{"image", image_}, {"bytes", sum}, {"of", total_}, {"ms", now}});
}

}  // namespace cc::image
