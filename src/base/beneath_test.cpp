// SPDX-License-Identifier: Apache-2.0
#include "base/beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/file.h"

namespace cc {
namespace {

namespace fs = std::filesystem;

class BeneathTest : public ::testing::Test {
 protected:
  BeneathTest() : dir_(*TempDir::Create("/tmp/cc-beneath-")) {
    fs::create_directories(dir_.path() + "/root/a/b");
    fs::create_directories(dir_.path() + "/outside");
    WriteFileAtomic(dir_.path() + "/outside/secret", "secret").IgnoreError();
    WriteFileAtomic(dir_.path() + "/root/a/file", "data").IgnoreError();
    fs::create_symlink("../outside", dir_.path() + "/root/out");
    fs::create_symlink("/etc", dir_.path() + "/root/abs");
    fs::create_symlink("b", dir_.path() + "/root/a/in");
    root_ = *OpenFile(dir_.path() + "/root", O_PATH | O_DIRECTORY);
  }
  TempDir dir_;
  UniqueFd root_;
};

TEST_F(BeneathTest, OpensWhatIsBeneath) {
  EXPECT_TRUE(OpenBeneath(root_.get(), "a/file", O_RDONLY).ok());
  EXPECT_TRUE(OpenBeneath(root_.get(), "/a/file", O_RDONLY).ok());
  EXPECT_TRUE(OpenBeneath(root_.get(), "", O_PATH).ok());
}

TEST_F(BeneathTest, RefusesEveryWayOut) {
  for (const char* path : {"..", "../outside/secret", "a/../../outside/secret", "out/secret", "abs/passwd",
                           "a/in/x", "out", "/../outside/secret"}) {
    EXPECT_EQ(OpenBeneath(root_.get(), path, O_RDONLY).status().code(), absl::StatusCode::kPermissionDenied)
        << path;
  }
}

TEST_F(BeneathTest, RefusesANulByte) {
  EXPECT_EQ(OpenBeneath(root_.get(), std::string_view("a\0b", 3), O_RDONLY).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(BeneathTest, MakesMissingDirectories) {
  ASSERT_TRUE(MakeDirsBeneath(root_.get(), "x/y/z", 0755).ok());
  EXPECT_TRUE(fs::is_directory(dir_.path() + "/root/x/y/z"));
  EXPECT_TRUE(MakeDirsBeneath(root_.get(), "x/y/z", 0755).ok());
}

TEST_F(BeneathTest, MakesNoDirectoryThroughALinkOrAFile) {
  EXPECT_EQ(MakeDirsBeneath(root_.get(), "out/x", 0755).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(MakeDirsBeneath(root_.get(), "a/../../x", 0755).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(MakeDirsBeneath(root_.get(), "a/file/x", 0755).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(dir_.path() + "/outside/x"));
}

TEST_F(BeneathTest, SwappingALinkInNeverEscapes) {
  const std::string flip = dir_.path() + "/root/flip";
  const std::string spare = dir_.path() + "/root/spare";
  fs::create_directory(flip);
  fs::create_symlink("../outside", spare);
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop) ::renameat2(AT_FDCWD, flip.c_str(), AT_FDCWD, spare.c_str(), RENAME_EXCHANGE);
  });
  for (int i = 0; i < 20000; ++i) EXPECT_FALSE(OpenBeneath(root_.get(), "flip/secret", O_RDONLY).ok());
  stop = true;
  swapper.join();
}

TEST(SplitLast, SeparatesDirectoryAndName) {
  EXPECT_EQ(SplitLast("a/b/c")->directory, "a/b");
  EXPECT_EQ(SplitLast("a/b/c")->name, "c");
  EXPECT_EQ(SplitLast("c")->directory, "");
  EXPECT_EQ(SplitLast("a/c/")->name, "c");
  for (const char* bad : {"", "/", ".", "..", "a/.."}) EXPECT_FALSE(SplitLast(bad).ok()) << bad;
}

}  // namespace
}  // namespace cc
