// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace cc {
namespace {

TEST(ThreadTest, RunsBodyThatOwnsMoveOnlyState) {
  int seen = 0;
  auto owned = std::make_unique<int>(7);
  absl::StatusOr<Thread> thread =
      Thread::Start("owner", [&seen, owned = std::move(owned)] { seen = *owned; });
  ASSERT_TRUE(thread.ok()) << thread.status();
  thread->Join();
  EXPECT_EQ(seen, 7);
}

TEST(ThreadTest, DestructorWaitsForBody) {
  bool done = false;
  {
    ASSERT_TRUE(Thread::Start("waited", [&done] { done = true; }).ok());
  }
  EXPECT_TRUE(done);
}

TEST(ThreadTest, HasCutNameAndGivenStack) {
  std::array<char, 16> name{};
  size_t stack = 0;
  absl::StatusOr<Thread> thread = Thread::Start(
      "a-name-longer-than-fifteen",
      [&] {
        pthread_getname_np(pthread_self(), name.data(), name.size());
        pthread_attr_t attributes;
        ASSERT_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
        pthread_attr_getstacksize(&attributes, &stack);
        pthread_attr_destroy(&attributes);
      },
      1 << 20);
  ASSERT_TRUE(thread.ok()) << thread.status();
  thread->Join();
  EXPECT_STREQ(name.data(), "a-name-longer-t");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they enlarge stacks
  EXPECT_LE(stack, size_t{1} << 20);
#endif
}

TEST(ThreadTest, RefusesStackBelowSystemMinimum) {
  EXPECT_EQ(Thread::Start(
                "tiny", [] {}, 1)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ThreadTest, KnowsItself) {
  EXPECT_FALSE(Thread().IsCurrent());
  absl::StatusOr<Thread> thread = Thread::Start("other", [] {});
  ASSERT_TRUE(thread.ok());
  EXPECT_FALSE(thread->IsCurrent());
}

}  // namespace
}  // namespace cc
