// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace cc {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() : dir_(*TempDir::Create("/tmp/cc-file-test-")) {}
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  TempDir dir_;
};

TEST_F(FileTest, AtomicWriteIsReadBackWithItsMode) {
  ASSERT_TRUE(WriteFileAtomic(Path("a"), "one", 0640).ok());
  ASSERT_TRUE(WriteFileAtomic(Path("a"), "two", 0640).ok());
  EXPECT_EQ(*ReadFile(Path("a")), "two");
  struct stat st;
  ASSERT_EQ(::stat(Path("a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0640u & ~0022u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(FileTest, ReadFileRefusesMoreThanTheLimit) {
  ASSERT_TRUE(WriteFileAtomic(Path("a"), std::string(100, 'x')).ok());
  EXPECT_EQ(ReadFile(Path("a"), 99).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadFile(Path("a"), 100).ok());
}

TEST_F(FileTest, MissingFileIsNotFoundAndNamed) {
  const absl::Status status = ReadFile(Path("none")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find(Path("none")), std::string::npos);
}

TEST_F(FileTest, ReadFullFailsAtAnEarlyEnd) {
  ASSERT_TRUE(WriteFileAtomic(Path("a"), "abc").ok());
  UniqueFd fd = *OpenFile(Path("a"), O_RDONLY);
  char buffer[4];
  EXPECT_EQ(ReadFull(fd.get(), buffer, sizeof(buffer)).code(), absl::StatusCode::kOutOfRange);
}

TEST_F(FileTest, DescriptorsAreCloseOnExec) {
  UniqueFd fd = *OpenFile(Path("a"), O_RDWR | O_CREAT);
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(TempDir, RemovesItsContentButDoesNotFollowLinks) {
  TempDir keep = *TempDir::Create("/tmp/cc-keep-");
  ASSERT_TRUE(WriteFileAtomic(keep.path() + "/precious", "x").ok());
  std::string gone;
  {
    TempDir dir = *TempDir::Create("/tmp/cc-gone-");
    gone = dir.path();
    std::filesystem::create_directory_symlink(keep.path(), gone + "/link");
  }
  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_TRUE(std::filesystem::exists(keep.path() + "/precious"));
}

}  // namespace
}  // namespace cc
