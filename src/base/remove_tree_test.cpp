// SPDX-License-Identifier: Apache-2.0
#include "base/remove_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/unique_fd.h"

namespace cc {
namespace {

namespace fs = std::filesystem;

class RemoveTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = OpenFile(dir_.path(), O_PATH | O_DIRECTORY).value();
    fs::create_directory(dir_.path() + "/outside");
    ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/outside/canary", "alive").ok());
  }
  bool Exists(const std::string& name) {
    return fs::symlink_status(dir_.path() + "/" + name).type() != fs::file_type::not_found;
  }

  // In memory where that is possible: thousands of files are made here.
  TempDir dir_ =
      TempDir::Create(fs::is_directory("/dev/shm") ? "/dev/shm/cc-remove-tree-" : "/tmp/cc-remove-tree-")
          .value();
  UniqueFd root_;
};

TEST_F(RemoveTreeTest, RemovesFilesAndTreesAndToleratesAbsence) {
  fs::create_directories(dir_.path() + "/t/a/b");
  ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/t/a/f", "x").ok());
  EXPECT_TRUE(RemoveTree(root_.get(), "t").ok());
  EXPECT_FALSE(Exists("t"));
  EXPECT_TRUE(RemoveTree(root_.get(), "t").ok());
  ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/f", "x").ok());
  EXPECT_TRUE(RemoveTree(root_.get(), "f").ok());
  EXPECT_FALSE(Exists("f"));
}

TEST_F(RemoveTreeTest, RemovesLinksAndNotWhatTheyLeadTo) {
  fs::create_directory(dir_.path() + "/t");
  fs::create_directory_symlink("../outside", dir_.path() + "/t/link");
  fs::create_directory_symlink("outside", dir_.path() + "/top");
  EXPECT_TRUE(RemoveTree(root_.get(), "t").ok());
  EXPECT_TRUE(RemoveTree(root_.get(), "top").ok());
  EXPECT_EQ(ReadFile(dir_.path() + "/outside/canary").value(), "alive");
}

TEST_F(RemoveTreeTest, RemovesATreeOfTenThousandLevels) {
  UniqueFd at = OpenFile(dir_.path(), O_PATH | O_DIRECTORY).value();
  for (int i = 0; i < 10000; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = UniqueFd(::openat(at.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.valid());
  }
  at.reset();
  const absl::Status status = RemoveTree(root_.get(), "d");
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_FALSE(Exists("d"));
  int left = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(dir_.path())) ++left;
  EXPECT_EQ(left, 1);  // "outside"
}

}  // namespace
}  // namespace cc
