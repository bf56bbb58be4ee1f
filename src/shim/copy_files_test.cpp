// SPDX-License-Identifier: Apache-2.0
#include "shim/copy_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "base/file.h"

namespace cc::shim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CopyFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-copy");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
  }
  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }
  void Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    ASSERT_TRUE(WriteFileAtomic(path(name), content, 0640).ok());
  }

  // A guest that takes chunks in order, as the agent does. `before` runs without the lock.
  CopyFileCall Guest(std::function<void(const grpc::CopyFileRequest&)> before = {}) {
    return [this, before = std::move(before)](const grpc::CopyFileRequest& request) {
      if (before) before(request);
      const std::lock_guard lock(mutex_);
      order_.push_back(request.path());
      std::string& part = parts_[request.path()];
      if (request.offset() == 0) part.clear();
      EXPECT_EQ(part.size(), static_cast<size_t>(request.offset())) << request.path();
      part += request.data();
      if (part.size() < static_cast<size_t>(request.file_size())) return absl::OkStatus();
      files_[request.path()] = part;
      modes_[request.path()] = request.file_mode();
      return absl::OkStatus();
    };
  }
  absl::Status Copy(const std::string& name, const CopyFileCall& guest, CopyLimits limits = {}) {
    return CopyIntoGuest({{.host_path = path(name), .guest_path = "/g"}}, limits, guest).status();
  }

  std::unique_ptr<TempDir> dir_;
  std::mutex mutex_;
  std::vector<std::string> order_;
  std::map<std::string, std::string> parts_;
  std::map<std::string, std::string> files_;
  std::map<std::string, uint32_t> modes_;
};

TEST_F(CopyFilesTest, LargeFileArrivesInChunks) {
  std::string content;
  for (int i = 0; i < 300000; ++i) content += std::to_string(i);
  Write("f", content);
  ASSERT_TRUE(Copy("f", Guest()).ok());
  EXPECT_EQ(files_["/g"], content);
  EXPECT_EQ(modes_["/g"] & 0777, 0640U);
  EXPECT_TRUE(S_ISREG(modes_["/g"]));
  EXPECT_GT(order_.size(), 1U);
}

TEST_F(CopyFilesTest, EmptyFileIsSentToo) {
  Write("f", "");
  ASSERT_TRUE(Copy("f", Guest()).ok());
  EXPECT_EQ(files_.count("/g"), 1U);
}

TEST_F(CopyFilesTest, SeveralFilesAreInFlightAtOnce) {
  for (int i = 0; i < 8; ++i) Write("d/" + std::to_string(i), "x");
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  // Each waits until another has come, so a copy of one file after the other would never end.
  const absl::Status status = Copy("d", Guest([&](const grpc::CopyFileRequest& request) {
                                     if (S_ISDIR(request.file_mode())) return;
                                     std::unique_lock lock(mutex);
                                     ++inside;
                                     changed.notify_all();
                                     changed.wait(lock, [&] { return inside >= 2; });
                                   }));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(files_.size(), 9U);
}

// A model of Kata's agent 4.1.0, which collects chunks under the file's name with the extension "tmp".
TEST_F(CopyFilesTest, FilesOfOneStemDoNotMeetInAnAgentThatCollectsThemThere) {
  for (const char* name : {"tls.tmp", "tls.crt", "tls.key", "other.crt", "other.key", "tls"}) {
    Write(std::string("d/") + name, name);
  }
  std::map<std::string, std::string> files;
  std::map<std::string, int> inside;
  std::condition_variable changed;
  int come = 0;
  const CopyFileCall guest = [&](const grpc::CopyFileRequest& request) -> absl::Status {
    if (S_ISDIR(request.file_mode())) return absl::OkStatus();
    const std::string collected = std::filesystem::path(request.path()).replace_extension("tmp");
    std::unique_lock lock(mutex_);
    files.erase(request.path());
    files[collected] = request.data();
    EXPECT_EQ(++inside[collected], 1) << request.path();
    ++come;
    changed.notify_all();
    changed.wait(lock, [&] { return come >= 2; });
    --inside[collected];
    auto content = files.extract(collected);
    if (content.empty()) return absl::NotFoundError(collected);
    files[request.path()] = content.mapped();
    return absl::OkStatus();
  };
  const absl::Status status = Copy("d", guest);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(files.size(), 6U);
  for (const auto& [path, content] : files) EXPECT_EQ(path, "/g/" + content);
}

TEST_F(CopyFilesTest, KubernetesVolumesAppearWhole) {
  Write("v/..2026_01_01_00_00_01.2/token", "t");
  Write("v/..2026_01_01_00_00_01.2/ca", "c");
  ASSERT_EQ(::symlink("..2026_01_01_00_00_01.2", path("v/..data").c_str()), 0);
  ASSERT_EQ(::symlink("..data/token", path("v/token").c_str()), 0);
  ASSERT_TRUE(Copy("v", Guest()).ok());
  ASSERT_EQ(order_.size(), 6U);
  EXPECT_THAT((std::vector<std::string>{order_[0], order_[1], order_[4], order_[5]}),
              ElementsAre("/g", "/g/..2026_01_01_00_00_01.2", "/g/..data", "/g/token"));
  EXPECT_EQ(files_["/g/..data"], "..2026_01_01_00_00_01.2");
  EXPECT_EQ(files_["/g/..2026_01_01_00_00_01.2/token"], "t");
  EXPECT_TRUE(S_ISLNK(modes_["/g/token"]));
  EXPECT_EQ(files_["/g/token"], "..data/token");
}

TEST_F(CopyFilesTest, NewVersionWhileCopyingIsCopiedToo) {
  Write("v/..2026_01_01_00_00_01.1/key", "old");
  ASSERT_EQ(::symlink("..2026_01_01_00_00_01.1", path("v/..data").c_str()), 0);
  bool swapped = false;
  const absl::Status status = Copy("v", Guest([&](const grpc::CopyFileRequest& request) {
                                     if (swapped || !S_ISREG(request.file_mode())) return;
                                     swapped = true;
                                     Write("v/..2026_01_01_00_00_02.2/key", "new");
                                     ASSERT_EQ(::symlink("..2026_01_01_00_00_02.2", path("v/t").c_str()), 0);
                                     ASSERT_EQ(::rename(path("v/t").c_str(), path("v/..data").c_str()), 0);
                                     std::filesystem::remove_all(path("v/..2026_01_01_00_00_01.1"));
                                   }));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(files_["/g/..data"], "..2026_01_01_00_00_02.2");
  EXPECT_EQ(files_["/g/..2026_01_01_00_00_02.2/key"], "new");
}

TEST_F(CopyFilesTest, VolumeThatChangesForEverIsAnError) {
  int version = 0;
  const auto swap = [&] {
    const std::string name = "..2026_01_01_00_00_00." + std::to_string(++version);
    Write("v/" + name + "/key", "x");
    ASSERT_EQ(::symlink(name.c_str(), path("v/t").c_str()), 0);
    ASSERT_EQ(::rename(path("v/t").c_str(), path("v/..data").c_str()), 0);
  };
  swap();
  const absl::Status status = Copy("v", Guest([&](const grpc::CopyFileRequest& request) {
                                     if (S_ISREG(request.file_mode())) swap();
                                   }));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST_F(CopyFilesTest, FileThatIsWrittenToMeanwhileIsNeverShownTorn) {
  const std::string old_content(3 << 20, 'o');
  const std::string new_content(2 << 20, 'n');
  Write("f", old_content);
  bool written = false;
  ASSERT_TRUE(Copy("f", Guest([&](const grpc::CopyFileRequest&) {
                     if (written) return;
                     written = true;
                     const UniqueFd file = *OpenFile(path("f"), O_WRONLY | O_TRUNC);
                     ASSERT_TRUE(WriteFull(file.get(), new_content).ok());
                   }))
                  .ok());
  EXPECT_EQ(files_["/g"], new_content);
  files_.clear();
  const absl::Status status = Copy("f", Guest([&](const grpc::CopyFileRequest&) {
                                     const UniqueFd file = *OpenFile(path("f"), O_WRONLY | O_APPEND);
                                     ASSERT_TRUE(WriteFull(file.get(), "more").ok());
                                   }));
  EXPECT_THAT(status.ToString(), HasSubstr("keeps changing"));
  EXPECT_TRUE(files_.empty());
}

TEST_F(CopyFilesTest, NothingIsSentWhenALimitIsPassed) {
  Write("small", "x");
  Write("big", "");
  ASSERT_EQ(::truncate(path("big").c_str(), (1 << 20) + 1), 0);
  const absl::Status status =
      CopyIntoGuest({{.host_path = path("small"), .guest_path = "/s"},
                     {.host_path = path("big"), .guest_path = "/b", .destination = "/data/big"}},
                    {.bytes = 1 << 20}, Guest())
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.ToString(), HasSubstr(path("big") + " on /data/big"));
  EXPECT_THAT(status.ToString(), HasSubstr("volumes.copy_limit_mib"));
  EXPECT_TRUE(order_.empty());
}

TEST_F(CopyFilesTest, ThreeHundredVolumesAreCopied) {
  std::vector<HostCopy> copies;
  for (int i = 0; i < 300; ++i) {
    const std::string volume = "v" + std::to_string(i);
    for (int file = 0; file < 5; ++file)
      Write(volume + "/..2026_01_01_00_00_01.2/" + std::to_string(file), "x");
    ASSERT_EQ(::symlink("..2026_01_01_00_00_01.2", path(volume + "/..data").c_str()), 0);
    copies.push_back({.host_path = path(volume), .guest_path = "/g/" + std::to_string(i)});
  }
  const auto fingerprints = CopyIntoGuest(copies, {}, Guest());
  ASSERT_TRUE(fingerprints.ok()) << fingerprints.status();
  EXPECT_EQ(fingerprints->size(), 300U);
  EXPECT_EQ(files_.size(), 300U * 8);
}

TEST_F(CopyFilesTest, RefusalOfTheGuestNamesTheFile) {
  Write("d/f", "x");
  const absl::Status status = Copy("d", [](const grpc::CopyFileRequest& request) {
    return S_ISREG(request.file_mode()) ? absl::PermissionDeniedError("policy") : absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.ToString(), HasSubstr(path("d/f")));
}

}  // namespace
}  // namespace cc::shim
