// SPDX-License-Identifier: Apache-2.0
#include "shim/volume_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "base/file.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

class VolumeWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-watch");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
  }
  void TearDown() override { watch_.Stop(); }
  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }

  // As kubelet's atomic writer does.
  void SetVersion(const std::string& volume, int number, const std::string& content) {
    const std::string name = StrCat("..2026_01_01_00_00_00.", number);
    std::filesystem::create_directories(path(volume + "/" + name));
    ASSERT_TRUE(WriteFileAtomic(path(volume + "/" + name + "/key"), content).ok());
    ASSERT_EQ(::symlink(name.c_str(), path(volume + "/..data_tmp").c_str()), 0);
    ASSERT_EQ(::rename(path(volume + "/..data_tmp").c_str(), path(volume + "/..data").c_str()), 0);
    std::filesystem::remove_all(path(StrCat(volume, "/..2026_01_01_00_00_00.", number - 1)));
  }
  void Watch(const std::string& container, const std::string& name, CopyFileCall guest = {}) {
    const std::vector<HostCopy> copies = {
        {.host_path = path(name), .guest_path = "/" + name, .destination = "/" + name, .keep_current = true}};
    if (!guest) guest = Guest();
    const auto fingerprints = CopyIntoGuest(copies, {}, Guest());
    ASSERT_TRUE(fingerprints.ok()) << fingerprints.status();
    watch_.Add(container, copies, *fingerprints, {}, guest);
  }
  CopyFileCall Guest() {
    return [this](const grpc::CopyFileRequest& request) {
      const std::lock_guard lock(mutex_);
      files_[request.path()] = request.data();
      changed_.notify_all();
      return absl::OkStatus();
    };
  }
  void Await(const std::string& file, const std::string& content) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return files_[file] == content; });
  }

  std::unique_ptr<TempDir> dir_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> files_;
  bool copying_ = false;
  VolumeWatch watch_;
};

TEST_F(VolumeWatchTest, CopiesEachNewVersion) {
  SetVersion("config", 1, "one");
  Watch("c1", "config");
  for (int version = 2; version < 6; ++version) {
    SetVersion("config", version, StrCat("content ", version));
    Await("/config/..data", StrCat("..2026_01_01_00_00_00.", version));
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(files_[StrCat("/config/..2026_01_01_00_00_00.", version, "/key")], StrCat("content ", version));
  }
}

TEST_F(VolumeWatchTest, ManyVolumesOfManyContainersAreWatched) {
  constexpr int kVolumes = 300;
  for (int i = 0; i < kVolumes; ++i) {
    SetVersion(StrCat("v", i), 1, "one");
    Watch(StrCat("c", i % 3), StrCat("v", i));
  }
  EXPECT_EQ(watch_.watched(), static_cast<size_t>(kVolumes));
  for (int i = 0; i < kVolumes; ++i) SetVersion(StrCat("v", i), 2, "two");
  for (int i = 0; i < kVolumes; ++i) Await(StrCat("/v", i, "/..data"), "..2026_01_01_00_00_00.2");
  for (const char* container : {"c0", "c1", "c2"}) watch_.Remove(container);
  EXPECT_EQ(watch_.watched(), 0U);
}

TEST_F(VolumeWatchTest, FilesAreFollowedWrittenInPlaceAndReplaced) {
  ASSERT_TRUE(WriteFileAtomic(path("hosts"), "1").ok());
  Watch("c1", "hosts");
  {
    const UniqueFd file = *OpenFile(path("hosts"), O_WRONLY | O_TRUNC);
    ASSERT_TRUE(WriteFull(file.get(), "written").ok());
  }
  Await("/hosts", "written");
  ASSERT_TRUE(WriteFileAtomic(path("hosts"), "replaced").ok());
  Await("/hosts", "replaced");
}

TEST_F(VolumeWatchTest, ChangeBetweenCopyAndWatchIsNotLost) {
  SetVersion("config", 1, "one");
  const std::vector<HostCopy> copies = {
      {.host_path = path("config"), .guest_path = "/config", .destination = "/config", .keep_current = true}};
  const auto fingerprints = CopyIntoGuest(copies, {}, Guest());
  ASSERT_TRUE(fingerprints.ok());
  SetVersion("config", 2, "two");
  watch_.Add("c1", copies, *fingerprints, {}, Guest());
  Await("/config/..data", "..2026_01_01_00_00_00.2");
}

TEST_F(VolumeWatchTest, FailedCopyIsTriedAgain) {
  SetVersion("config", 1, "one");
  int failures = 2;
  Watch("c1", "config", [this, &failures](const grpc::CopyFileRequest& request) {
    {
      const std::lock_guard lock(mutex_);
      if (failures > 0) {
        --failures;
        return absl::UnavailableError("not now");
      }
    }
    return Guest()(request);
  });
  SetVersion("config", 2, "two");
  Await("/config/..data", "..2026_01_01_00_00_00.2");
}

TEST_F(VolumeWatchTest, NothingIsCopiedAfterRemoval) {
  SetVersion("config", 1, "one");
  SetVersion("other", 1, "one");
  Watch("c1", "config");
  Watch("c2", "other");
  watch_.Remove("c1");
  EXPECT_EQ(watch_.watched(), 1U);
  SetVersion("config", 2, "two");
  SetVersion("other", 2, "two");
  Await("/other/..data", "..2026_01_01_00_00_00.2");
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(files_["/config/..data"], "..2026_01_01_00_00_00.1");
}

TEST_F(VolumeWatchTest, RemovalEndsACopyThatIsUnderWay) {
  SetVersion("config", 1, "one");
  bool inside = false;
  bool go_on = false;
  Watch("c1", "config", [&](const grpc::CopyFileRequest&) {
    std::unique_lock lock(mutex_);
    inside = true;
    copying_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return go_on; });
    copying_ = false;
    return absl::OkStatus();
  });
  SetVersion("config", 2, "two");
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside; });
    go_on = true;
    changed_.notify_all();
  }
  watch_.Remove("c1");
  const std::lock_guard lock(mutex_);
  EXPECT_FALSE(copying_);
}

TEST_F(VolumeWatchTest, WhatIsNotKeptCurrentNeedsNoThread) {
  ASSERT_TRUE(WriteFileAtomic(path("f"), "1").ok());
  watch_.Add("c1", {{.host_path = path("f"), .guest_path = "/f"}}, {"fingerprint"}, {}, Guest());
  ::mkdir(path("plain").c_str(), 0755);
  watch_.Add("c1", {{.host_path = path("plain"), .guest_path = "/p", .keep_current = true}}, {""}, {},
             Guest());
  EXPECT_EQ(watch_.watched(), 0U);
  watch_.Remove("c1");
}

}  // namespace
}  // namespace cc::shim
