// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/volumes.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/storage/bind_sources.h"
#include "base/file.h"
#include "base/strings.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using enum absl::StatusCode;

class VolumesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(*TempDir::Create("/tmp/cc-volumes-"));
    base_ = dir_->path();
    base_fd_ = *OpenFile(base_, O_PATH | O_DIRECTORY);
    volumes_.emplace(base_, base_fd_.get());
  }
  grpc::Storage Storage(const std::string& driver, const std::string& place,
                        const std::string& type = "tmpfs") const {
    grpc::Storage storage;
    storage.set_driver(driver);
    storage.set_mount_point(base_ + place);
    storage.set_fstype(type);
    return storage;
  }
  bool IsTmpfsMount(const std::string& place) const {
    struct stat parent {};
    struct stat self {};
    ::stat(base_.c_str(), &parent);
    return ::stat((base_ + place).c_str(), &self) == 0 && self.st_dev != parent.st_dev;
  }

  std::optional<TempDir> dir_;
  std::string base_;
  UniqueFd base_fd_;
  std::optional<Volumes> volumes_;
};

TEST_F(VolumesTest, RefusesEveryWayToTheHostsFileSystems) {
  for (const char* driver :
       {"virtio-fs", "9p", "blk", "mmioblk", "nvdimm", "scsi", "overlayfs", "watchable-bind", ""}) {
    EXPECT_EQ(volumes_->Add(Storage(driver, "/sandbox/v")).code(), kUnimplemented) << driver;
  }
  EXPECT_EQ(volumes_->Add(Storage("ephemeral", "/sandbox/v", "ext4")).code(), kInvalidArgument);
  EXPECT_NE(::access((base_ + "/sandbox").c_str(), F_OK), 0);
}

TEST_F(VolumesTest, RefusesOtherPlaces) {
  for (const char* place :
       {"", "/", "/sandbox", "/image/x", "/sandbox/../x", "/c1/rootfs", "/sandbox/a//b"}) {
    EXPECT_EQ(volumes_->Add(Storage("local", place)).code(), kPermissionDenied) << place;
  }
}

TEST_F(VolumesTest, MakesALocalDirectoryWithModeAndGroup) {
  grpc::Storage storage = Storage("local", "/sandbox/a/b");
  storage.add_options("mode=0750");
  storage.mutable_fs_group()->set_group_id(::getgid());
  ASSERT_TRUE(volumes_->Add(storage).ok());
  struct stat st {};
  ASSERT_EQ(::stat((base_ + "/sandbox/a/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 02770U);
}

// As Kata's Go runtime 4.1.0 asks for the emptyDir volumes of a pod with an fsGroup.
TEST_F(VolumesTest, TakesTheGroupFromAnOptionToo) {
  const std::string group = StrCat("fsgid=", ::getgid());
  grpc::Storage local = Storage("local", "/shared/containers/pod/rootfs/local/cache", "local");
  local.set_source("local");
  for (const std::string& option : {std::string("mode=0777"), group}) local.add_options(option);
  ASSERT_TRUE(volumes_->Add(local).ok());
  struct stat st {};
  ASSERT_EQ(::stat(local.mount_point().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 02777U);

  local.set_mount_point(base_ + "/sandbox/other");
  local.add_options("fsgid=staff");
  EXPECT_EQ(volumes_->Add(local).code(), kInvalidArgument);
  EXPECT_NE(::access(local.mount_point().c_str(), F_OK), 0);

  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  grpc::Storage memory = Storage("ephemeral", "/sandbox/ephemeral/cache");
  memory.set_source("tmpfs");
  memory.add_options("fsgid=4321");
  ASSERT_TRUE(volumes_->Add(memory).ok());
  ASSERT_EQ(::stat(memory.mount_point().c_str(), &st), 0);
  EXPECT_EQ(st.st_gid, 4321U);
  EXPECT_EQ(st.st_mode & 07777, 03777U);

  // After the guest's memory has grown.
  memory.clear_options();
  for (const char* option : {"remount", "size=2M", "fsgid=4321"}) memory.add_options(option);
  ASSERT_TRUE(volumes_->Remount(memory).ok());
  struct statfs usage {};
  ASSERT_EQ(::statfs(memory.mount_point().c_str(), &usage), 0);
  EXPECT_EQ(usage.f_blocks * static_cast<uint64_t>(usage.f_bsize), 2U << 20);
}

TEST_F(VolumesTest, FollowsNoLink) {
  ASSERT_EQ(::mkdir((base_ + "/sandbox").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("/tmp", (base_ + "/sandbox/l").c_str()), 0);
  EXPECT_FALSE(volumes_->Add(Storage("local", "/sandbox/l/cc-must-not-exist")).ok());
  EXPECT_NE(::access("/tmp/cc-must-not-exist", F_OK), 0);
}

TEST_F(VolumesTest, SharesAnEphemeralVolumeUntilItsLastUserGoes) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  grpc::Storage storage = Storage("ephemeral", "/sandbox/shm");
  storage.add_options("size=1m");
  ASSERT_TRUE(volumes_->Add(storage).ok());
  ASSERT_TRUE(volumes_->Add(storage).ok());
  EXPECT_TRUE(IsTmpfsMount("/sandbox/shm"));
  storage.clear_options();
  storage.add_options("size=2m");
  ASSERT_TRUE(volumes_->Remount(storage).ok());
  struct statfs usage {};
  ASSERT_EQ(::statfs((base_ + "/sandbox/shm").c_str(), &usage), 0);
  EXPECT_EQ(usage.f_blocks * static_cast<uint64_t>(usage.f_bsize), 2U << 20);
  volumes_->Release(base_ + "/sandbox/shm");
  EXPECT_TRUE(IsTmpfsMount("/sandbox/shm"));
  volumes_->Release(base_ + "/sandbox/shm");
  EXPECT_FALSE(IsTmpfsMount("/sandbox/shm"));
  volumes_->Release(base_ + "/sandbox/shm");
  EXPECT_EQ(volumes_->Remount(storage).code(), kNotFound);
}

TEST_F(VolumesTest, KeepsASharedVolumeUntilTheSandboxEnds) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  grpc::Storage storage = Storage("ephemeral", "/sandbox/ephemeral/v");
  storage.set_shared(true);
  ASSERT_TRUE(volumes_->Add(storage).ok());
  ASSERT_TRUE(WriteFileAtomic(base_ + "/sandbox/ephemeral/v/f", "from the init container").ok());
  volumes_->Release(storage.mount_point());
  EXPECT_TRUE(IsTmpfsMount("/sandbox/ephemeral/v"));
  ASSERT_TRUE(volumes_->Add(storage).ok());
  EXPECT_EQ(*ReadFile(base_ + "/sandbox/ephemeral/v/f"), "from the init container");
  volumes_.reset();
  EXPECT_FALSE(IsTmpfsMount("/sandbox/ephemeral/v"));
}

TEST_F(VolumesTest, TakesAPartOfAVolumeAsAContainerMadeIt) {
  ASSERT_TRUE(volumes_->Add(Storage("local", "/sandbox/v")).ok());
  ASSERT_EQ(::mkdir((base_ + "/sandbox/v/d").c_str(), 0700), 0);
  ASSERT_TRUE(WriteFileAtomic(base_ + "/sandbox/v/f", "x", 0600).ok());
  ASSERT_EQ(::symlink("/etc", (base_ + "/sandbox/v/l").c_str()), 0);
  EXPECT_TRUE(volumes_->Add(Storage("local", "/sandbox/v/d")).ok());
  EXPECT_TRUE(volumes_->Add(Storage("local", "/sandbox/v/f")).ok());
  EXPECT_FALSE(volumes_->Add(Storage("local", "/sandbox/v/l")).ok());
  struct stat st {};
  ASSERT_EQ(::stat((base_ + "/sandbox/v/d").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700U);
  EXPECT_EQ(*ReadFile(base_ + "/sandbox/v/f"), "x");
}

TEST_F(VolumesTest, PinsBindSourcesWithoutFollowingLinks) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  for (const char* directory : {"/shared", "/shared/d", "/bundle"}) {
    ASSERT_EQ(::mkdir((base_ + directory).c_str(), 0755), 0);
  }
  ASSERT_TRUE(WriteFileAtomic(base_ + "/shared/d/f", "content").ok());
  ASSERT_EQ(::symlink("/etc", (base_ + "/shared/evil").c_str()), 0);
  ASSERT_EQ(::mkfifo((base_ + "/shared/fifo").c_str(), 0600), 0);
  {
    BindSources binds(base_ + "/bundle", base_, base_fd_.get());
    std::string directory = base_ + "/shared/d";
    std::string file = base_ + "/shared/d/f";
    std::string evil = base_ + "/shared/evil";
    std::string through = base_ + "/shared/evil/passwd";
    std::string fifo = base_ + "/shared/fifo";
    std::string missing = base_ + "/shared/none";
    ASSERT_TRUE(binds.Pin(&directory, true).ok());
    ASSERT_TRUE(binds.Pin(&file, false).ok());
    EXPECT_EQ(binds.Pin(&evil, false).code(), kPermissionDenied);
    EXPECT_FALSE(binds.Pin(&through, false).ok());
    EXPECT_EQ(binds.Pin(&fifo, false).code(), kPermissionDenied);
    EXPECT_EQ(binds.Pin(&missing, false).code(), kNotFound);
    EXPECT_EQ(directory, base_ + "/bundle/mounts/0");
    EXPECT_EQ(*ReadFile(directory + "/f"), "content");
    // What the host puts in its place later does not matter.
    ASSERT_EQ(::rename((base_ + "/shared/d").c_str(), (base_ + "/shared/old").c_str()), 0);
    ASSERT_EQ(::symlink("/etc", (base_ + "/shared/d").c_str()), 0);
    EXPECT_EQ(*ReadFile(file), "content");
  }
  EXPECT_EQ(::rmdir((base_ + "/bundle/mounts/0").c_str()), 0) << "still mounted";
}

}  // namespace
}  // namespace cc::agent
