// SPDX-License-Identifier: Apache-2.0
#include "shim/mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/socket.h"

namespace cc::shim {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class MountsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-mounts");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    ASSERT_TRUE(WriteFileAtomic(path("file"), "x").ok());
    ASSERT_EQ(::mkdir(path("dir").c_str(), 0700), 0);
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  }
  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }
  static grpc::Mount Mount(const std::string& type, const std::string& source, const std::string& destination,
                           const std::string& option = "") {
    grpc::Mount mount;
    mount.set_type(type);
    mount.set_source(source);
    mount.set_destination(destination);
    if (!option.empty()) mount.add_options(option);
    return mount;
  }
  // Translates and keeps the mounts in mounts_.
  absl::StatusOr<GuestMounts> Translate(const std::vector<grpc::Mount>& mounts,
                                        const std::string& termination_path = "") {
    mounts_.Clear();
    for (const grpc::Mount& mount : mounts) *mounts_.Add() = mount;
    return TranslateMounts({.container_id = "c1", .copy_tag = "tag", .termination_path = termination_path},
                           &mounts_);
  }
  std::string MakeVolume(const std::string& plugin, const std::string& name) {
    std::string volume = path("kubelet/pods/uid/volumes/kubernetes.io~") + plugin + "/" + name;
    std::filesystem::create_directories(volume);
    return volume;
  }

  std::unique_ptr<TempDir> dir_;
  google::protobuf::RepeatedPtrField<grpc::Mount> mounts_;
};

TEST_F(MountsTest, GuestMakesItsOwnFileSystems) {
  for (const char* type : {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"}) {
    const auto result = Translate({Mount(type, type, "/x", "nosuid")});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->copies.empty() && result->storages.empty());
    EXPECT_EQ(mounts_[0].source(), type);
  }
  ASSERT_TRUE(Translate({Mount("bind", "/run/containerd/shm", "/dev/shm", "rw")}).ok());
  EXPECT_EQ(mounts_[0].source(), "/run/kata-containers/sandbox/shm");
}

TEST_F(MountsTest, CopiesGoBeneathTheSharedDirectoryUnderDistinctNames) {
  const auto result = Translate(
      {Mount("bind", path("file"), "/etc/hosts", "ro"), Mount("", path("file"), "/other/hosts", "rbind")});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->copies.size(), 2U);
  EXPECT_EQ(result->copies[0].host_path, path("file"));
  EXPECT_THAT(result->copies[0].guest_path, HasSubstr("/run/kata-containers/shared/containers/c1-tag-"));
  EXPECT_TRUE(result->copies[0].guest_path.ends_with("hosts"));
  EXPECT_NE(result->copies[0].guest_path, result->copies[1].guest_path);
  EXPECT_EQ(mounts_[0].source(), result->copies[0].guest_path);
  EXPECT_EQ(mounts_[0].options(0), "ro");
}

TEST_F(MountsTest, KeepsCurrentWhatKubernetesUpdates) {
  const std::string config = MakeVolume("configmap", "config");
  const std::string part = path("kubelet/pods/uid/volume-subpaths/config/main/0");
  std::filesystem::create_directories(std::filesystem::path(part).parent_path());
  ASSERT_TRUE(WriteFileAtomic(part, "x").ok());
  struct Case {
    std::string source;
    std::string destination;
    bool keeps;
  };
  for (const Case& c :
       {Case{path("file"), "/etc/hosts", true}, Case{path("file"), "/etc/resolv.conf", true},
        Case{path("file"), "/etc/hostname", true}, Case{path("file"), "/app/config.ini", false},
        Case{config, "/config", true}, Case{part, "/etc/hosts", false}}) {
    const auto result = Translate({Mount("bind", c.source, c.destination)});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->copies[0].keep_current, c.keeps) << c.source << " on " << c.destination;
  }
}

TEST_F(MountsTest, RefusalNamesMountReasonAndFix) {
  const auto socket = ListenUnix(path("socket"));
  ASSERT_TRUE(socket.ok());
  struct Case {
    grpc::Mount mount;
    std::string says;
  };
  for (const Case& c : {
           Case{Mount("bind", path("fifo"), "/x"), "leave this mount out"},
           Case{Mount("bind", path("socket"), "/var/run/docker.sock"), "leave this mount out"},
           Case{Mount("bind", "/dev/null", "/dev/x"), "leave this mount out"},
           Case{Mount("bind", path("absent"), "/x"), "No such file"},
           Case{Mount("bind", path("dir"), "/x/../../etc"), "without '..'"},
           Case{Mount("bind", path("dir") + "/../dir", "/x"), "without '..'"},
           Case{Mount("bind", "relative", "/x"), "absolute path"},
           Case{Mount("bind", path("dir"), "x"), "absolute path"},
           Case{Mount("tmpfs", "tmpfs", "/x/../y"), "without '..'"},
           Case{Mount("bind", path("dir"), "/x", "rshared"), "mountPropagation"},
           Case{Mount("bind", path("dir"), "/x", "rslave"), "mountPropagation"},
           Case{Mount("bind", MakeVolume("empty-dir", "e"), "/x", "shared"), "mountPropagation"},
           Case{Mount("bind", path("dir"), "/x", "idmap"), "id-mapped"},
           Case{Mount("ext4", "/dev/sda1", "/x"), "type 'ext4'"},
           Case{Mount("9p", "x", "/x"), "type '9p'"},
           Case{Mount("", "x", "/x"), "type ''"},
       }) {
    const absl::Status status = Translate({c.mount}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.mount.DebugString();
    EXPECT_THAT(status.ToString(), HasSubstr(c.mount.source() + " on " + c.mount.destination()));
    EXPECT_THAT(status.ToString(), HasSubstr(c.says));
  }
  for (const char* option : {"rprivate", "private", "ro", "rro", "nosuid"}) {
    EXPECT_TRUE(Translate({Mount("bind", path("dir"), "/x", option)}).ok()) << option;
  }
}

TEST_F(MountsTest, EmptyDirIsADirectoryOfTheGuest) {
  const std::string volume = MakeVolume("empty-dir", "cache");
  ASSERT_EQ(::chmod(volume.c_str(), 02777), 0);
  const auto result = Translate({Mount("bind", volume, "/a"), Mount("bind", volume, "/b", "ro"),
                                 Mount("bind", volume + "/part", "/c")});
  // A part that kubelet has not made is no part.
  EXPECT_FALSE(result.ok());
  ASSERT_EQ(::mkdir((volume + "/part").c_str(), 0750), 0);
  const auto with_part = Translate({Mount("bind", volume, "/a"), Mount("bind", volume, "/b", "ro"),
                                    Mount("bind", volume + "/part", "/c")});
  ASSERT_TRUE(with_part.ok()) << with_part.status();
  EXPECT_TRUE(with_part->copies.empty());
  ASSERT_EQ(with_part->storages.size(), 2U) << "the volume once, then its part";
  const grpc::Storage& storage = with_part->storages[0];
  EXPECT_EQ(storage.driver(), "local");
  EXPECT_EQ(storage.mount_point(), "/run/kata-containers/sandbox/local/cache");
  EXPECT_TRUE(storage.shared());
  EXPECT_THAT(storage.options(), Contains("mode=02777"));
  struct stat st {};
  ASSERT_EQ(::stat(volume.c_str(), &st), 0);
  EXPECT_EQ(storage.fs_group().group_id(), st.st_gid);
  EXPECT_EQ(with_part->storages[1].mount_point(), "/run/kata-containers/sandbox/local/cache/part");
  EXPECT_THAT(with_part->storages[1].options(), Contains("mode=02750")) << "inherits the group";
  EXPECT_THAT(with_part->storages[1].options(), ::testing::SizeIs(1));
  EXPECT_EQ(mounts_[0].source(), storage.mount_point());
  EXPECT_EQ(mounts_[1].source(), storage.mount_point());
  EXPECT_EQ(mounts_[2].source(), with_part->storages[1].mount_point());
}

TEST_F(MountsTest, FindsTheTerminationLog) {
  const std::string by_place = path("kubelet/pods/uid/containers/main/0a1b2c");
  std::filesystem::create_directories(std::filesystem::path(by_place).parent_path());
  ASSERT_TRUE(WriteFileAtomic(by_place, "").ok());
  struct Case {
    grpc::Mount mount;
    std::string annotation;
    bool found;
  };
  for (const Case& c : {Case{Mount("bind", path("file"), "/dev/termination-log"), "", true},
                        Case{Mount("bind", by_place, "/tmp/message"), "", true},
                        Case{Mount("bind", path("file"), "/tmp/message"), "/tmp/message", true},
                        Case{Mount("bind", path("file"), "/dev/termination-log"), "/tmp/message", false},
                        Case{Mount("bind", path("dir"), "/dev/termination-log"), "", false},
                        Case{Mount("bind", path("file"), "/etc/hosts"), "", false}}) {
    const auto result = Translate({c.mount}, c.annotation);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->termination_log.has_value(), c.found) << c.mount.DebugString();
    EXPECT_EQ(result->copies.size(), 1U) << "the guest has a file there, too";
  }
}

}  // namespace
}  // namespace cc::shim
