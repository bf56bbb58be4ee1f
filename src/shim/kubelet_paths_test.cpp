// SPDX-License-Identifier: Apache-2.0
#include "shim/kubelet_paths.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "base/file.h"

namespace cc::shim {
namespace {

class KubeletPathsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-kubelet");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    pod_ = dir_->path() + "/kubelet/pods/1234-ab";
    volume_ = pod_ + "/volumes/kubernetes.io~empty-dir/cache";
    part_ = pod_ + "/volume-subpaths/cache/main/0";
    std::filesystem::create_directories(volume_);
    // The volume lies on the root's file system, which is itself a part of a disk.
    mounts_ = {{.device = "8:1", .root = "/@rootfs", .point = "/", .type = "btrfs"},
               {.device = "0:5", .root = "/", .point = "/proc", .type = "proc"}};
  }
  std::optional<EmptyDir> Of(const std::string& source) {
    absl::StatusOr<std::optional<EmptyDir>> found = EmptyDirOf(source, mounts_);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::nullopt;
  }

  std::unique_ptr<TempDir> dir_;
  std::string pod_, volume_, part_;
  std::vector<MountEntry> mounts_;
};

TEST_F(KubeletPathsTest, KnowsAnEmptyDirByItsPlace) {
  const auto found = Of(volume_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->name, "cache");
  EXPECT_EQ(found->path, volume_);
  EXPECT_EQ(found->sub_path, "");
  EXPECT_FALSE(found->memory);
  for (const std::string& other :
       {pod_ + "/volumes/kubernetes.io~configmap/cache", pod_ + "/volumes/kubernetes.io~empty-dir", pod_,
        std::string("/data/kubernetes.io~empty-dir/cache"), std::string("relative"), std::string("/"),
        pod_ + "/volumes/kubernetes.io~empty-dir/..", pod_ + "/volume-subpaths/of-another-kind/main/0"}) {
    EXPECT_FALSE(Of(other).has_value()) << other;
  }
}

TEST_F(KubeletPathsTest, KnowsTheMedium) {
  mounts_.push_back({.device = "0:9", .root = "/", .point = volume_, .type = "tmpfs"});
  EXPECT_TRUE(Of(volume_)->memory);
  mounts_.back().type = "hugetlbfs";
  EXPECT_EQ(EmptyDirOf(volume_, mounts_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(KubeletPathsTest, FindsThePartOfASubPath) {
  // As kubelet bind-mounts <volume>/logs/app.
  mounts_.push_back(
      {.device = "8:1", .root = "/@rootfs" + volume_ + "/logs/app", .point = part_, .type = "btrfs"});
  const auto found = Of(part_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->path, volume_);
  EXPECT_EQ(found->sub_path, "logs/app");
}

TEST_F(KubeletPathsTest, FindsThePartOfASubPathInMemory) {
  mounts_.push_back({.device = "0:9", .root = "/", .point = volume_, .type = "tmpfs"});
  mounts_.push_back({.device = "0:9", .root = "/logs", .point = part_, .type = "tmpfs"});
  const auto found = Of(part_);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->memory);
  EXPECT_EQ(found->sub_path, "logs");
}

TEST_F(KubeletPathsTest, RefusesASubPathThatTheMountsDoNotExplain) {
  EXPECT_FALSE(EmptyDirOf(part_, mounts_).ok()) << "not mounted";
  const MountEntry good{
      .device = "8:1", .root = "/@rootfs" + volume_ + "/d", .point = part_, .type = "btrfs"};
  for (const auto& change : std::vector<void (*)(MountEntry&)>{
           [](MountEntry& mount) { mount.device = "8:2"; }, [](MountEntry& mount) { mount.root = "/etc"; },
           [](MountEntry& mount) { mount.root += "//deleted"; }}) {
    std::vector<MountEntry> mounts = mounts_;
    mounts.push_back(good);
    change(mounts.back());
    EXPECT_EQ(EmptyDirOf(part_, mounts).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(KubeletPaths, TellsTerminationLogsAndSubPaths) {
  const std::string pod = "/var/lib/kubelet/pods/1234-ab";
  EXPECT_TRUE(IsTerminationLog(pod + "/containers/main/1a2b3c4d"));
  EXPECT_FALSE(IsTerminationLog(pod + "/containers/main/other"));
  EXPECT_FALSE(IsTerminationLog(pod + "/containers/main"));
  EXPECT_FALSE(IsTerminationLog("/etc/hosts"));
  EXPECT_TRUE(IsSubPath(pod + "/volume-subpaths/config/main/3"));
  EXPECT_FALSE(IsSubPath(pod + "/volumes/kubernetes.io~configmap/config"));
}

}  // namespace
}  // namespace cc::shim
