// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/session_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <thread>
#include <vector>

namespace cc::attest {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class SessionCacheTest : public ::testing::Test {
 protected:
  absl::StatusOr<Session> Make() {
    ++made_;
    if (!error_.ok()) return error_;
    return Session{
        .token = "token " + std::to_string(made_), .cookie = {}, .fresh_until = now_ + seconds(10)};
  }
  std::atomic<int> made_ = 0;
  absl::Status error_;
  steady_clock::time_point now_{};
  SessionCache cache_{[this] { return Make(); }, [this] { return now_; }};
};

TEST_F(SessionCacheTest, KeepsASessionWhileItIsFresh) {
  EXPECT_EQ((*cache_.Get())->token, "token 1");
  now_ += seconds(9);
  EXPECT_EQ((*cache_.Get())->token, "token 1");
  now_ += seconds(1);
  EXPECT_EQ((*cache_.Get())->token, "token 2");
}

TEST_F(SessionCacheTest, KeepsNoFailure) {
  error_ = absl::PermissionDeniedError("not endorsed");
  EXPECT_EQ(cache_.Get().status(), error_);
  error_ = absl::OkStatus();
  EXPECT_EQ((*cache_.Get())->token, "token 2");
}

TEST_F(SessionCacheTest, DropsOnlyTheSessionThatFailed) {
  const SessionPtr first = *cache_.Get();
  cache_.Drop(first);
  const SessionPtr second = *cache_.Get();
  EXPECT_EQ(second->token, "token 2");
  cache_.Drop(first);  // late news of the first
  EXPECT_EQ(*cache_.Get(), second);
}

TEST(SessionCache, OneThreadMakesWhatAllWaitFor) {
  for (const bool good : {true, false}) {
    std::atomic<int> made = 0;
    std::binary_semaphore entered(0), leave(0);
    SessionCache cache([&]() -> absl::StatusOr<Session> {
      ++made;
      entered.release();
      leave.acquire();
      if (!good) return absl::UnavailableError("down");
      return Session{.token = "t", .cookie = {}, .fresh_until = steady_clock::time_point::max()};
    });
    std::atomic<int> same = 0;
    std::vector<std::thread> threads;
    const auto get = [&] { same += cache.Get().ok() == good ? 1 : 0; };
    threads.emplace_back(get);
    entered.acquire();  // the first is inside; whoever comes now must wait for it or come after it
    for (int i = 0; i < 4; ++i) threads.emplace_back(get);
    std::thread releaser([&] {
      leave.release();
      // A failure is not kept: a thread that came late makes its own attempt.
      while (same < 5) {
        if (entered.try_acquire_for(std::chrono::milliseconds(1))) leave.release();
      }
    });
    for (std::thread& thread : threads) thread.join();
    releaser.join();
    EXPECT_EQ(same, 5);
    if (good) {
      EXPECT_EQ(made, 1);
    }
  }
}

}  // namespace
}  // namespace cc::attest
