// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/deadline_queue.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

namespace cc::ttrpc {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(DeadlineQueueTest, FiresInOrderOfTime) {
  DeadlineQueue queue;
  std::vector<int> order;
  std::promise<void> all_added, last;
  const auto now = steady_clock::now();
  // Holds the queue's thread, so that the order does not depend on how fast this test adds.
  ASSERT_TRUE(queue.Add(now, [&] { all_added.get_future().wait(); }).ok());
  ASSERT_TRUE(queue.Add(now + hours(1), [&] { order.push_back(99); }).ok());
  ASSERT_TRUE(queue
                  .Add(now + milliseconds(40),
                       [&] {
                         order.push_back(2);
                         last.set_value();
                       })
                  .ok());
  ASSERT_TRUE(queue.Add(now + milliseconds(20), [&] { order.push_back(1); }).ok());
  all_added.set_value();
  last.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_GE(steady_clock::now(), now + milliseconds(40));
}

TEST(DeadlineQueueTest, PastTimeFiresAtOnce) {
  DeadlineQueue queue;
  std::promise<void> fired;
  ASSERT_TRUE(queue.Add(steady_clock::now() - hours(1), [&] { fired.set_value(); }).ok());
  fired.get_future().wait();
}

TEST(DeadlineQueueTest, RemovedEntryNeverFiresAndIsDestroyed) {
  DeadlineQueue queue;
  bool wrong = false;
  auto owned = std::make_shared<int>(1);
  std::weak_ptr<int> watch = owned;
  const auto when = steady_clock::now() + hours(1);
  absl::StatusOr<DeadlineQueue::Key> key =
      queue.Add(when, [&wrong, owned = std::move(owned)] { wrong = true; });
  ASSERT_TRUE(key.ok());
  queue.Remove(*key);
  queue.Remove(*key);
  EXPECT_TRUE(watch.expired());
  std::promise<void> later;
  ASSERT_TRUE(queue.Add(steady_clock::now(), [&] { later.set_value(); }).ok());
  later.get_future().wait();
  EXPECT_FALSE(wrong);
}

TEST(DeadlineQueueTest, DestructorDropsWhatIsLeft) {
  bool fired = false;
  {
    DeadlineQueue queue;
    ASSERT_TRUE(queue.Add(steady_clock::now() + hours(1), [&] { fired = true; }).ok());
  }
  EXPECT_FALSE(fired);
}

}  // namespace
}  // namespace cc::ttrpc
