// SPDX-License-Identifier: Apache-2.0
#include "shim/copy_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/file.h"

namespace cc::shim {
namespace {

class CopyFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-copy");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
  }
  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }

  // A guest that takes chunks in order, as the agent does.
  CopyFileCall Guest() {
    return [this](const grpc::CopyFileRequest& request) {
      if (request.offset() == 0) files_[request.path()].clear();
      EXPECT_EQ(files_[request.path()].size(), static_cast<size_t>(request.offset()));
      files_[request.path()] += request.data();
      modes_[request.path()] = request.file_mode();
      return absl::OkStatus();
    };
  }

  std::unique_ptr<TempDir> dir_;
  std::map<std::string, std::string> files_;
  std::map<std::string, uint32_t> modes_;
};

TEST_F(CopyFilesTest, LargeFileArrivesInChunks) {
  std::string content;
  for (int i = 0; i < 300000; ++i) content += std::to_string(i);
  ASSERT_TRUE(WriteFileAtomic(path("f"), content, 0640).ok());
  ASSERT_TRUE(CopyIntoGuest({{.host_path = path("f"), .guest_path = "/g/f"}}, Guest()).ok());
  EXPECT_EQ(files_["/g/f"], content);
  EXPECT_EQ(modes_["/g/f"] & 0777, 0640u);
  EXPECT_TRUE(S_ISREG(modes_["/g/f"]));
}

TEST_F(CopyFilesTest, EmptyFileIsSentToo) {
  ASSERT_TRUE(WriteFileAtomic(path("f"), "").ok());
  ASSERT_TRUE(CopyIntoGuest({{.host_path = path("f"), .guest_path = "/g/f"}}, Guest()).ok());
  EXPECT_EQ(files_.count("/g/f"), 1u);
}

TEST_F(CopyFilesTest, TreesKeepLinksAndSkipSpecialFiles) {
  // As Kubernetes lays out a secret: the name is a link to a link's file.
  ASSERT_EQ(::mkdir(path("d").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(path("d/..data").c_str(), 0700), 0);
  ASSERT_TRUE(WriteFileAtomic(path("d/..data/token"), "t").ok());
  ASSERT_EQ(::symlink("..data/token", path("d/token").c_str()), 0);
  ASSERT_EQ(::symlink("/etc/shadow", path("d/evil").c_str()), 0);
  ASSERT_EQ(::mkfifo(path("d/fifo").c_str(), 0600), 0);
  ASSERT_TRUE(CopyIntoGuest({{.host_path = path("d"), .guest_path = "/g"}}, Guest()).ok());
  EXPECT_TRUE(S_ISDIR(modes_["/g"]));
  EXPECT_EQ(files_["/g/..data/token"], "t");
  EXPECT_TRUE(S_ISLNK(modes_["/g/token"]));
  EXPECT_EQ(files_["/g/token"], "..data/token");
  EXPECT_EQ(files_["/g/evil"], "/etc/shadow") << "the link itself, not what it points to";
  EXPECT_EQ(files_.count("/g/fifo"), 0u);
}

TEST_F(CopyFilesTest, TooManyEntriesAndMissingFilesAreErrors) {
  ASSERT_EQ(::mkdir(path("many").c_str(), 0755), 0);
  for (size_t i = 0; i < kMaxCopyEntries; ++i) {
    ASSERT_TRUE(OpenFile(path("many/" + std::to_string(i)), O_CREAT | O_WRONLY).ok());
  }
  EXPECT_EQ(CopyIntoGuest({{.host_path = path("many"), .guest_path = "/g"}}, Guest()).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(CopyIntoGuest({{.host_path = path("absent"), .guest_path = "/g"}}, Guest()).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CopyFilesTest, SizeLimitIsCheckedBeforeReading) {
  ASSERT_TRUE(WriteFileAtomic(path("big"), "").ok());
  ASSERT_EQ(::truncate(path("big").c_str(), static_cast<off_t>(kMaxCopyBytes) + 1), 0);
  EXPECT_EQ(CopyIntoGuest({{.host_path = path("big"), .guest_path = "/g"}}, Guest()).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(files_.empty());
}

TEST_F(CopyFilesTest, RefusalOfTheGuestNamesTheFile) {
  ASSERT_TRUE(WriteFileAtomic(path("f"), "x").ok());
  const absl::Status status =
      CopyIntoGuest({{.host_path = path("f"), .guest_path = "/g"}},
                    [](const grpc::CopyFileRequest&) { return absl::PermissionDeniedError("policy"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.ToString().find(path("f")), std::string::npos);
}

}  // namespace
}  // namespace cc::shim
