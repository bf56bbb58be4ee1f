// SPDX-License-Identifier: Apache-2.0
#include "shim/termination_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/file.h"

namespace cc::shim {
namespace {

class TerminationLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-term");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    log_.host_path = dir_->path() + "/log";
    ASSERT_TRUE(WriteFileAtomic(log_.host_path, "before").ok());
    struct stat st {};
    ASSERT_EQ(::stat(log_.host_path.c_str(), &st), 0);
    log_.device = st.st_dev;
    log_.inode = st.st_ino;
  }
  std::unique_ptr<TempDir> dir_;
  TerminationLog log_;
};

TEST_F(TerminationLogTest, TakesAnyBytesAndKeepsTheEnd) {
  const std::string hostile = std::string("\0\x1b[2J\xff", 6) + std::string(4090, 'e');
  ASSERT_TRUE(WriteTerminationMessage(log_, "dropped" + hostile).ok());
  EXPECT_EQ(*ReadFile(log_.host_path), hostile);
  ASSERT_TRUE(WriteTerminationMessage(log_, "short").ok());
  EXPECT_EQ(*ReadFile(log_.host_path), "short");
  ASSERT_TRUE(WriteTerminationMessage(log_, "").ok());
  EXPECT_EQ(*ReadFile(log_.host_path), "short");
}

TEST_F(TerminationLogTest, WritesOnlyToTheFileThatWasMounted) {
  const std::string other = dir_->path() + "/other";
  ASSERT_TRUE(WriteFileAtomic(other, "untouched").ok());
  for (const auto& replace :
       std::vector<std::function<int()>>{[&] { return ::symlink(other.c_str(), log_.host_path.c_str()); },
                                         [&] { return ::link(other.c_str(), log_.host_path.c_str()); },
                                         [&] { return ::mkfifo(log_.host_path.c_str(), 0600); }}) {
    ASSERT_EQ(::unlink(log_.host_path.c_str()), 0);
    ASSERT_EQ(replace(), 0);
    EXPECT_FALSE(WriteTerminationMessage(log_, "evil").ok());
    EXPECT_EQ(*ReadFile(other), "untouched");
  }
}

}  // namespace
}  // namespace cc::shim
