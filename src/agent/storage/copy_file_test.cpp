// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/copy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

class CopyFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(*TempDir::Create("/tmp/cc-copy-"));
    root_ = dir_->path() + "/shared";
    ::mkdir(root_.c_str(), 0755);
    ::mkdir(Outside().c_str(), 0755);
  }
  std::string Outside() const { return dir_->path() + "/outside"; }

  grpc::CopyFileRequest File(const std::string& path, const std::string& data,
                             uint32_t mode = 0100644) const {
    grpc::CopyFileRequest in;
    in.set_path(path[0] == '/' ? path : root_ + "/" + path);
    in.set_data(data);
    in.set_file_size(static_cast<int64_t>(data.size()));
    in.set_file_mode(mode);
    in.set_dir_mode(0750);
    in.set_uid(static_cast<int32_t>(::getuid()));
    in.set_gid(static_cast<int32_t>(::getgid()));
    return in;
  }
  absl::StatusCode Copy(const grpc::CopyFileRequest& in) const { return CopyFile(root_, in).code(); }
  std::string Content(const std::string& name) const { return *ReadFile(root_ + "/" + name); }
  bool OutsideIsEmpty() const { return ::rmdir(Outside().c_str()) == 0; }

  std::optional<TempDir> dir_;
  std::string root_;
};

using enum absl::StatusCode;

TEST_F(CopyFileTest, WritesAFileWithModeInNewDirectories) {
  EXPECT_EQ(Copy(File("a/b/c", "text", 0100640)), kOk);
  EXPECT_EQ(Content("a/b/c"), "text");
  struct stat st {};
  ASSERT_EQ(::stat((root_ + "/a/b/c").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640U);
  ASSERT_EQ(::stat((root_ + "/a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0750U);
}

TEST_F(CopyFileTest, AppearsOnlyWhenComplete) {
  grpc::CopyFileRequest first = File("f", "12345");
  first.set_file_size(8);
  EXPECT_EQ(Copy(first), kOk);
  EXPECT_NE(::access((root_ + "/f").c_str(), F_OK), 0);
  grpc::CopyFileRequest last = File("f", "678");
  last.set_file_size(8);
  last.set_offset(5);
  EXPECT_EQ(Copy(last), kOk);
  EXPECT_EQ(Content("f"), "12345678");
}

TEST_F(CopyFileTest, ReplacesAndShortensAFile) {
  EXPECT_EQ(Copy(File("f", "a long text")), kOk);
  EXPECT_EQ(Copy(File("f", "short")), kOk);
  EXPECT_EQ(Content("f"), "short");
  EXPECT_EQ(Copy(File("f", "")), kOk);
  EXPECT_EQ(Content("f"), "");
}

TEST_F(CopyFileTest, RefusesChunksThatDoNotFit) {
  struct Case {
    int64_t size;
    int64_t offset;
  };
  for (const Case& c : {Case{4, 0}, Case{-1, 0}, Case{100, -1}, Case{100, 99}, Case{100, 50}, Case{3, 1},
                        Case{INT64_MAX, INT64_MAX - 1}}) {
    grpc::CopyFileRequest in = File("f", "12345");
    in.set_file_size(c.size);
    in.set_offset(c.offset);
    const absl::StatusCode code = Copy(in);
    EXPECT_TRUE(code == kInvalidArgument || code == kNotFound) << c.size << " " << c.offset;
    EXPECT_NE(::access((root_ + "/f").c_str(), F_OK), 0);
  }
}

TEST_F(CopyFileTest, RefusesPathsOutsideTheRoot) {
  for (const std::string& path :
       {Outside() + "/f", root_ + "/../outside/f", root_ + "/a/../../outside/f", root_, root_ + "/",
        root_ + "x/f", std::string("relative"), std::string(), root_ + "/a//f"}) {
    grpc::CopyFileRequest in = File("f", "x");
    in.set_path(path);
    EXPECT_EQ(Copy(in), kPermissionDenied) << path;
  }
  EXPECT_TRUE(OutsideIsEmpty());
}

TEST_F(CopyFileTest, FollowsNoLinkOnTheWay) {
  ASSERT_EQ(Copy(File("link", Outside(), 0120777)), kOk);
  EXPECT_EQ(Copy(File("link/f", "x")), kPermissionDenied);
  EXPECT_EQ(Copy(File("link/d", "", 040755)), kPermissionDenied);
  ASSERT_EQ(Copy(File("up", "../outside", 0120777)), kOk);
  EXPECT_EQ(Copy(File("up/f", "x")), kPermissionDenied);
  EXPECT_TRUE(OutsideIsEmpty());
}

TEST_F(CopyFileTest, FollowsNoLinkAsTemporaryFile) {
  const std::string target = Outside() + "/victim";
  ASSERT_TRUE(WriteFileAtomic(target, "untouched").ok());
  ASSERT_EQ(::symlink(target.c_str(), (root_ + "/.f.cc-part").c_str()), 0);
  EXPECT_EQ(Copy(File("f", "x")), kPermissionDenied);
  EXPECT_EQ(*ReadFile(target), "untouched");
}

TEST_F(CopyFileTest, ReplacesALinkInsteadOfWritingThroughIt) {
  const std::string target = Outside() + "/victim";
  ASSERT_TRUE(WriteFileAtomic(target, "untouched").ok());
  ASSERT_EQ(Copy(File("f", target, 0120777)), kOk);
  EXPECT_EQ(Copy(File("f", "new")), kOk);
  EXPECT_EQ(*ReadFile(target), "untouched");
  EXPECT_EQ(Content("f"), "new");
}

TEST_F(CopyFileTest, MakesAndRetargetsLinks) {
  EXPECT_EQ(Copy(File("..data", "v1", 0120777)), kOk);
  EXPECT_EQ(Copy(File("..data", "v2", 0120777)), kOk);
  char target[16] = {};
  ASSERT_EQ(::readlink((root_ + "/..data").c_str(), target, sizeof target), 2);
  EXPECT_STREQ(target, "v2");
  EXPECT_EQ(Copy(File("empty", "", 0120777)), kInvalidArgument);
  EXPECT_EQ(Copy(File("nul", std::string("a\0b", 3), 0120777)), kInvalidArgument);
}

TEST_F(CopyFileTest, MakesDirectoriesAndKeepsTheirContent) {
  EXPECT_EQ(Copy(File("d", "", 041777)), kOk);
  EXPECT_EQ(Copy(File("d/f", "x")), kOk);
  EXPECT_EQ(Copy(File("d", "", 040700)), kOk);
  EXPECT_EQ(Content("d/f"), "x");
  struct stat st {};
  ASSERT_EQ(::stat((root_ + "/d").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700U);
  EXPECT_NE(Copy(File("d", "a file over a directory")), kOk);
}

TEST_F(CopyFileTest, RefusesOtherTypes) {
  for (uint32_t mode : {0010644U, 0020644U, 0060644U, 0140644U}) {
    EXPECT_EQ(Copy(File("f", "x", mode)), kInvalidArgument) << mode;
  }
}

}  // namespace
}  // namespace cc::agent
