// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/copy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>

#include "base/file.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

class CopyFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(*TempDir::Create("/tmp/cc-copy-"));
    root_ = dir_->path() + "/shared";
    files_.emplace(root_);
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
  absl::StatusCode Copy(const grpc::CopyFileRequest& in) { return files_->Copy(in).code(); }
  std::string Content(const std::string& name) const { return *ReadFile(root_ + "/" + name); }
  bool OutsideIsEmpty() const { return ::rmdir(Outside().c_str()) == 0; }

  std::optional<TempDir> dir_;
  std::string root_;
  std::optional<CopiedFiles> files_;
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

// Kata's Go runtime 4.1.0 sends Go's bit for a directory, 1 << 31, in dir_mode.
TEST_F(CopyFileTest, TakesTheModeOfADirectoryAsGoWritesIt) {
  grpc::CopyFileRequest in = File("c1-7517fa61e4283c3a-config/..data/key", "text");
  in.set_dir_mode(2147484136);
  EXPECT_EQ(Copy(in), kOk);
  struct stat st {};
  ASSERT_EQ(::stat((root_ + "/c1-7517fa61e4283c3a-config").c_str(), &st), 0);
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

TEST_F(CopyFileTest, GivesNewContentToAFileThatMayBeMounted) {
  ASSERT_EQ(Copy(File("hosts", "a longer text")), kOk);
  const UniqueFd mounted = *OpenFile(root_ + "/hosts", O_RDONLY);
  ASSERT_EQ(Copy(File("hosts", "new", 0100600)), kOk);
  std::array<char, 32> buffer;
  EXPECT_EQ(*ReadSome(mounted.get(), buffer), 3U);
  struct stat st {};
  ASSERT_EQ(::fstat(mounted.get(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600U);
  EXPECT_EQ(st.st_nlink, 1U);
  EXPECT_NE(::access((root_ + "/.hosts.cc-part").c_str(), F_OK), 0);
}

TEST_F(CopyFileTest, TakesTheLongestNames) {
  const std::string a = std::string(254, 'n') + "a";
  const std::string b = std::string(254, 'n') + "b";
  EXPECT_EQ(Copy(File(a, "1")), kOk);
  EXPECT_EQ(Copy(File(b, "2")), kOk);
  EXPECT_EQ(Content(a) + Content(b), "12");
}

TEST_F(CopyFileTest, DropsOldVersionsOfAKubernetesVolumeWhenTheCurrentOneChanges) {
  const std::string old = "v/..2026_08_22_10_00_00.111";
  const std::string current = "v/..2026_08_22_10_01_00.222";
  ASSERT_EQ(Copy(File(old + "/kept", "1")), kOk);
  ASSERT_EQ(Copy(File(old + "/gone", "1")), kOk);
  ASSERT_EQ(Copy(File("v/..data", old.substr(2), 0120777)), kOk);
  ASSERT_EQ(Copy(File("v/kept", "..data/kept", 0120777)), kOk);
  ASSERT_EQ(Copy(File("v/gone", "..data/gone", 0120777)), kOk);
  ASSERT_EQ(Copy(File("v/..foreign/f", "x")), kOk);
  ASSERT_EQ(Copy(File("v/dangling", "nowhere", 0120777)), kOk);
  ASSERT_EQ(Copy(File(current + "/kept", "2")), kOk);
  EXPECT_EQ(Content("v/kept"), "1");
  ASSERT_EQ(Copy(File("v/..data", current.substr(2), 0120777)), kOk);
  EXPECT_EQ(Content("v/kept"), "2");
  struct stat st {};
  EXPECT_NE(::lstat((root_ + "/" + old).c_str(), &st), 0);
  EXPECT_NE(::lstat((root_ + "/v/gone").c_str(), &st), 0);
  EXPECT_EQ(::lstat((root_ + "/v/dangling").c_str(), &st), 0) << "not kubelet's";
  EXPECT_EQ(Content("v/..foreign/f"), "x");
}

TEST_F(CopyFileTest, RemovesWhatBelongsToAContainer) {
  const std::string tag = "-0123456789abcdef-";
  for (const std::string& name : {"c" + tag + "0-a/f", "c" + tag + "1-b", "cc" + tag + "0-a",
                                  std::string("c-1-conf"), std::string("c-0123456789abcdeX-f"), "c" + tag}) {
    ASSERT_EQ(Copy(File(name, "x")), kOk);
  }
  ASSERT_EQ(Copy(File("c" + tag + "2-link", Outside(), 0120777)), kOk);
  ASSERT_TRUE(files_->RemoveOf("c").ok());
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(root_)) left.insert(entry.path().filename());
  EXPECT_EQ(left, (std::set<std::string>{"cc" + tag + "0-a", "c-1-conf", "c-0123456789abcdeX-f"}));
  EXPECT_TRUE(OutsideIsEmpty());
  EXPECT_TRUE(CopiedFiles(dir_->path() + "/absent").RemoveOf("c").ok());
}

TEST_F(CopyFileTest, ChunksOfManyFilesAndOfOneFileMayComeAtOnce) {
  std::vector<std::thread> senders;
  for (int i = 0; i < 8; ++i) {
    senders.emplace_back([this, i] {
      for (int round = 0; round < 50; ++round) {
        const std::string content(1000 + i, static_cast<char>('a' + i));
        for (const std::string& name : {"own" + std::to_string(i), std::string("same")}) {
          grpc::CopyFileRequest whole = File(name, content);
          EXPECT_EQ(Copy(whole), kOk);
        }
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(Content("own" + std::to_string(i)).size(), 1000U + i);
  const std::string same = Content("same");
  EXPECT_EQ(same, std::string(same.size(), same[0]));
}

TEST_F(CopyFileTest, RefusesOtherTypes) {
  for (uint32_t mode : {0010644U, 0020644U, 0060644U, 0140644U}) {
    EXPECT_EQ(Copy(File("f", "x", mode)), kInvalidArgument) << mode;
  }
}

}  // namespace
}  // namespace cc::agent
