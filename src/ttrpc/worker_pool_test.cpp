// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace cc::ttrpc {
namespace {

TEST(WorkerPoolTest, EveryBlockedTaskHasItsThread) {
  constexpr int kTasks = 64;
  WorkerPool pool;
  std::latch all(kTasks);  // opens only when all run at once
  for (int i = 0; i < kTasks; ++i) ASSERT_TRUE(pool.Run([&] { all.arrive_and_wait(); }).ok());
  pool.Stop();
  EXPECT_EQ(pool.size(), 0u);
}

TEST(WorkerPoolTest, ReusesFreeThread) {
  WorkerPool pool(std::chrono::hours(1));
  for (int i = 0; i < 100; ++i) {
    std::promise<void> ran;
    ASSERT_TRUE(pool.Run([&] { ran.set_value(); }).ok());
    ran.get_future().wait();
  }
  // A thread may be seen busy for a moment after its task, never a hundred times.
  EXPECT_LT(pool.size(), 100u);
}

TEST(WorkerPoolTest, IdleThreadsEnd) {
  WorkerPool pool(std::chrono::milliseconds(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(pool.Run([] {}).ok());
  while (pool.size() > 0) std::this_thread::yield();
  std::promise<void> ran;
  ASSERT_TRUE(pool.Run([&] { ran.set_value(); }).ok());
  ran.get_future().wait();
}

TEST(WorkerPoolTest, RunsAllTasksOfManyCallersWhileThreadsComeAndGo) {
  WorkerPool pool(std::chrono::milliseconds(0));
  std::atomic<int> ran = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 500; ++j) EXPECT_TRUE(pool.Run([&] { ++ran; }).ok());
    });
  }
  for (std::thread& caller : callers) caller.join();
  pool.Stop();
  EXPECT_EQ(ran, 2000);
}

TEST(WorkerPoolTest, StopRunsWhatWasAcceptedAndRefusesMore) {
  WorkerPool pool;
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> ran = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(pool.Run([&, open] {
                      open.wait();
                      ++ran;
                    })
                    .ok());
  }
  EXPECT_FALSE(pool.Stop(std::chrono::milliseconds(1)));
  EXPECT_TRUE(absl::IsCancelled(pool.Run([] {})));
  gate.set_value();
  pool.Stop();
  EXPECT_EQ(ran, 10);
}

TEST(WorkerPoolTest, TaskIsDestroyedWhenItHasRun) {
  WorkerPool pool(std::chrono::hours(1));
  auto owned = std::make_shared<int>(1);
  std::weak_ptr<int> watch = owned;
  ASSERT_TRUE(pool.Run([owned = std::move(owned)] {}).ok());
  while (!watch.expired()) std::this_thread::yield();
}

TEST(WorkerPoolTest, KnowsItsWorkers) {
  WorkerPool pool;
  WorkerPool other;
  EXPECT_FALSE(pool.IsWorker());
  std::promise<bool> mine;
  std::promise<bool> others;
  ASSERT_TRUE(pool.Run([&] {
                    mine.set_value(pool.IsWorker());
                    others.set_value(other.IsWorker());
                  })
                  .ok());
  EXPECT_TRUE(mine.get_future().get());
  EXPECT_FALSE(others.get_future().get());
}

}  // namespace
}  // namespace cc::ttrpc
