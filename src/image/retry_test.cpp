// SPDX-License-Identifier: Apache-2.0
#include "image/retry.h"

#include <gtest/gtest.h>

#include <thread>

namespace cc::image {
namespace {

using std::chrono::milliseconds;

TEST(RetryTest, OnlyWhatPassesWithTimeIsTransient) {
  EXPECT_TRUE(IsTransient(absl::UnavailableError("")));
  EXPECT_TRUE(IsTransient(absl::DeadlineExceededError("")));
  EXPECT_FALSE(IsTransient(absl::NotFoundError("")));
  EXPECT_FALSE(IsTransient(absl::DataLossError("")));
  EXPECT_FALSE(IsTransient(absl::CancelledError("")));
}

TEST(RetryTest, EndsAfterTheAllowedAttempts) {
  Backoff backoff({.max_attempts = 3, .first_delay = milliseconds(1)});
  const std::stop_token never;
  EXPECT_TRUE(backoff.Wait(std::nullopt, never));
  EXPECT_TRUE(backoff.Wait(std::nullopt, never));
  EXPECT_FALSE(backoff.Wait(std::nullopt, never));
  backoff.Reset();
  EXPECT_TRUE(backoff.Wait(std::nullopt, never));
}

TEST(RetryTest, StopEndsTheWait) {
  Backoff backoff(
      {.max_attempts = 3, .first_delay = std::chrono::hours(1), .max_delay = std::chrono::hours(1)});
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(backoff.Wait(std::nullopt, stop.get_token()));
}

TEST(RetryTest, AServerCannotAskForMoreThanTheLimit) {
  Backoff backoff({.first_delay = milliseconds(1), .max_server_delay = milliseconds(1)});
  EXPECT_TRUE(backoff.Wait(std::chrono::hours(24), std::stop_token()));
}

}  // namespace
}  // namespace cc::image
