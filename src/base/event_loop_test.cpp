// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <array>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/socket.h"

namespace cc {
namespace {

class EventLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    auto pair = *SocketPair();
    near_ = std::move(pair.first);
    far_ = std::move(pair.second);
  }
  std::unique_ptr<EventLoop> loop_;
  UniqueFd near_, far_;
};

TEST_F(EventLoopTest, CallsTheHandlerOfAReadableDescriptor) {
  uint32_t seen = 0;
  ASSERT_TRUE(loop_
                  ->Add(near_.get(), EPOLLIN,
                        [&](uint32_t events) {
                          seen = events;
                          loop_->Stop();
                        })
                  .ok());
  ASSERT_TRUE(SendFull(far_.get(), "x").ok());
  loop_->Run();
  EXPECT_EQ(seen, static_cast<uint32_t>(EPOLLIN));
}

TEST_F(EventLoopTest, RunsTasksOfOtherThreadsOnItsOwnThread) {
  std::thread::id ran_on;
  std::thread thread([&] { loop_->Run(); });
  loop_->Post([&] {
    ran_on = std::this_thread::get_id();
    loop_->Stop();
  });
  const std::thread::id expected = thread.get_id();
  thread.join();
  EXPECT_EQ(ran_on, expected);
}

TEST_F(EventLoopTest, AHandlerMayRemoveItselfAndOthers) {
  auto pair = *SocketPair();
  int calls = 0;
  const auto remove_both = [&](uint32_t) {
    ++calls;
    loop_->Remove(near_.get());
    loop_->Remove(pair.first.get());
    loop_->Stop();
  };
  // Both are ready in the same wait; whichever comes first removes the other.
  ASSERT_TRUE(loop_->Add(near_.get(), EPOLLIN, remove_both).ok());
  ASSERT_TRUE(loop_->Add(pair.first.get(), EPOLLIN, remove_both).ok());
  ASSERT_TRUE(SendFull(far_.get(), "x").ok());
  ASSERT_TRUE(SendFull(pair.second.get(), "x").ok());
  loop_->Run();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, ADescriptorThatCannotBeWatchedIsAnError) {
  EXPECT_FALSE(loop_->Add(-1, EPOLLIN, [](uint32_t) {}).ok());
}

TEST_F(EventLoopTest, RunReadyHandlesWhatComesOfWhatIsReadyAndReturns) {
  auto pair = *SocketPair();
  std::string order;
  const auto take = [&order](const UniqueFd& fd, const char* name) {
    std::array<char, 1> byte;
    ASSERT_TRUE(ReadSome(fd.get(), byte).ok());
    order += name;
  };
  ASSERT_TRUE(loop_
                  ->Add(near_.get(), EPOLLIN,
                        [&](uint32_t) {
                          take(near_, "first");
                          loop_->Post([&] { EXPECT_TRUE(SendFull(pair.second.get(), "y").ok()); });
                        })
                  .ok());
  ASSERT_TRUE(loop_->Add(pair.first.get(), EPOLLIN, [&](uint32_t) { take(pair.first, " second"); }).ok());
  ASSERT_TRUE(SendFull(far_.get(), "x").ok());
  loop_->RunReady();
  EXPECT_EQ(order, "first second");
}

TEST_F(EventLoopTest, RunsTasksPostedBeforeStop) {
  bool ran = false;
  loop_->Post([&] { loop_->Stop(); });
  loop_->Post([&] { ran = true; });
  loop_->Run();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace cc
