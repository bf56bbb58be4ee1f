// SPDX-License-Identifier: Apache-2.0
#include "datahub/mount_watch.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/file.h"

namespace cc::datahub {
namespace {

TEST(MountWatchTest, TellsOfAMountAndOfItsEnd) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-mount-watch-");
  ASSERT_TRUE(dir.ok());
  std::mutex mutex;
  std::condition_variable changed;
  int calls = 0;
  auto watch = MountWatch::Start([&] {
    const std::lock_guard lock(mutex);
    ++calls;
    changed.notify_all();
  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  const auto wait_for_more_than = [&](int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), [&] { return calls > count; });
  };
  if (::mount("tmpfs", dir->path().c_str(), "tmpfs", 0, nullptr) != 0)
    GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_TRUE(wait_for_more_than(0));
  int before;
  {
    const std::lock_guard lock(mutex);
    before = calls;
  }
  ASSERT_EQ(::umount(dir->path().c_str()), 0);
  EXPECT_TRUE(wait_for_more_than(before));
}

TEST(MountWatchTest, StopsWithoutAnyChange) {
  auto watch = MountWatch::Start([] {});
  ASSERT_TRUE(watch.ok()) << watch.status();
  watch->reset();
}

}  // namespace
}  // namespace cc::datahub
