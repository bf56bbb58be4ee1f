// SPDX-License-Identifier: Apache-2.0
// Real overlay mounts, on a tmpfs as in the guest.
#include "image/container_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/overlay.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ContainerStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    if (::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, nullptr) != 0) {
      GTEST_SKIP() << "mounting is not allowed here";
    }
    mounted_ = true;
    for (const char* name : {"store", "bundle", "l0", "l1", "l2"}) fs::create_directory(Path(name));
    store_fd_ = OpenFile(Path("store"), O_RDONLY | O_DIRECTORY).value();
    bundle_fd_ = OpenFile(Path("bundle"), O_RDONLY | O_DIRECTORY).value();
    store_ = ContainerStore::Open(store_fd_.get()).value();
  }
  void TearDown() override {
    if (!mounted_) return;
    ::umount2(Path("bundle/rootfs").c_str(), MNT_DETACH);
    ::umount2(dir_.path().c_str(), MNT_DETACH);
  }

  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(Path(name)).parent_path());
    ASSERT_TRUE(WriteFileAtomic(Path(name), content).ok());
  }
  void Opaque(const std::string& name) {
    ASSERT_EQ(::setxattr(Path(name).c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  }
  std::vector<UniqueFd> Layers(const std::vector<std::string>& names) const {
    std::vector<UniqueFd> layers;
    for (const std::string& name : names)
      layers.push_back(OpenFile(Path(name), O_RDONLY | O_DIRECTORY).value());
    return layers;
  }
  absl::StatusOr<UniqueFd> Mount(const std::vector<std::string>& layers) {
    return store_->Mount(Path("bundle"), bundle_fd_.get(), Layers(layers));
  }
  size_t Containers() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(Path("store/containers")), {}));
  }

  TempDir dir_ = TempDir::Create("/tmp/cc-container-store-").value();
  bool mounted_ = false;
  UniqueFd store_fd_, bundle_fd_;
  std::unique_ptr<ContainerStore> store_;
};

TEST_F(ContainerStoreTest, HigherLayersHideLowerOnes) {
  Write("l0/a", "0");
  Write("l0/gone", "0");
  Write("l0/dir/low", "0");
  Write("l1/a", "1");
  Write("l1/dir/high", "1");
  Opaque("l1/dir");
  ASSERT_EQ(::mknod(Path("l1/gone").c_str(), S_IFCHR, makedev(0, 0)), 0);
  ASSERT_TRUE(Mount({"l0", "l1"}).ok());
  EXPECT_EQ(ReadFile(Path("bundle/rootfs/a")).value(), "1");
  EXPECT_FALSE(fs::exists(Path("bundle/rootfs/gone")));
  EXPECT_FALSE(fs::exists(Path("bundle/rootfs/dir/low")));
  EXPECT_TRUE(fs::exists(Path("bundle/rootfs/dir/high")));
}

TEST_F(ContainerStoreTest, AnOpaqueRootHidesAllBelow) {
  Write("l0/low", "0");
  Write("l1/mid", "1");
  Write("l2/top", "2");
  Opaque("l1");
  ASSERT_TRUE(Mount({"l0", "l1", "l2"}).ok());
  EXPECT_FALSE(fs::exists(Path("bundle/rootfs/low")));
  EXPECT_TRUE(fs::exists(Path("bundle/rootfs/mid")));
  EXPECT_TRUE(fs::exists(Path("bundle/rootfs/top")));
}

TEST_F(ContainerStoreTest, WritingChangesNoLayer) {
  Write("l0/a", "0");
  ASSERT_TRUE(Mount({"l0"}).ok());
  ASSERT_TRUE(WriteFileAtomic(Path("bundle/rootfs/a"), "changed").ok());
  ASSERT_TRUE(fs::create_directory(Path("bundle/rootfs/new")));
  EXPECT_EQ(ReadFile(Path("l0/a")).value(), "0");
  EXPECT_FALSE(fs::exists(Path("l0/new")));
}

TEST_F(ContainerStoreTest, MountsFourHundredLayers) {
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) {
    names.push_back("many/" + std::to_string(i));
    Write(names.back() + "/f" + std::to_string(i), std::to_string(i));
  }
  const auto rootfs = Mount(names);
  ASSERT_TRUE(rootfs.ok()) << rootfs.status();
  EXPECT_EQ(ReadFile(Path("bundle/rootfs/f0")).value(), "0");
  EXPECT_EQ(ReadFile(Path("bundle/rootfs/f399")).value(), "399");
}

TEST_F(ContainerStoreTest, ReleaseFreesWhatWasWritten) {
  Write("l0/a", "0");
  ASSERT_TRUE(Mount({"l0"}).ok());
  Write("bundle/rootfs/data", "x");
  EXPECT_EQ(Containers(), 1u);
  ASSERT_TRUE(store_->Release(Path("bundle")).ok());
  EXPECT_EQ(Containers(), 0u);
  EXPECT_TRUE(fs::is_empty(Path("bundle/rootfs")));
  EXPECT_TRUE(store_->Release(Path("bundle")).ok());
}

TEST_F(ContainerStoreTest, SweepFreesOnlyWhatIsNoLongerMounted) {
  Write("l0/a", "0");
  ASSERT_TRUE(Mount({"l0"}).ok());
  store_->Sweep();
  EXPECT_EQ(Containers(), 1u);
  ASSERT_EQ(::umount(Path("bundle/rootfs").c_str()), 0);
  store_->Sweep();
  EXPECT_EQ(Containers(), 0u);
}

TEST_F(ContainerStoreTest, ABundleIsUsedOnceAtATimeAndAgainAfterwards) {
  Write("l0/a", "0");
  ASSERT_TRUE(Mount({"l0"}).ok());
  EXPECT_EQ(Mount({"l0"}).status().code(), absl::StatusCode::kAlreadyExists);
  Write("bundle/rootfs/old", "x");
  ASSERT_EQ(::umount(Path("bundle/rootfs").c_str()), 0);
  ASSERT_TRUE(Mount({"l0"}).ok());
  EXPECT_FALSE(fs::exists(Path("bundle/rootfs/old")));
}

TEST_F(ContainerStoreTest, AFailedMountLeavesNothing) {
  EXPECT_EQ(Mount({}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Containers(), 0u);
}

TEST_F(ContainerStoreTest, ARootfsThatIsALinkIsRefused) {
  Write("l0/a", "0");
  fs::create_directory(Path("elsewhere"));
  fs::create_directory_symlink("../elsewhere", Path("bundle/rootfs"));
  EXPECT_FALSE(Mount({"l0"}).ok());
  EXPECT_TRUE(fs::is_empty(Path("elsewhere")));
}

TEST_F(ContainerStoreTest, ImpliedDirectoriesInheritFromTheLayerBelow) {
  fs::create_directories(Path("l0/home/user"));
  ASSERT_EQ(::chown(Path("l0/home/user").c_str(), 1000, 1001), 0);
  ASSERT_EQ(::chmod(Path("l0/home/user").c_str(), 01750), 0);
  fs::create_directories(Path("l0/hidden"));
  ASSERT_EQ(::chmod(Path("l0/hidden").c_str(), 0700), 0);
  ASSERT_EQ(::mknod(Path("l1/hidden").c_str(), S_IFCHR, makedev(0, 0)), 0);
  fs::create_directories(Path("l0/cut/below"));
  ASSERT_EQ(::chmod(Path("l0/cut/below").c_str(), 0700), 0);
  fs::create_directories(Path("l1/cut"));
  Opaque("l1/cut");
  for (const char* implied : {"home/user", "hidden", "cut/below", "new"}) {
    fs::create_directories(Path(std::string("l2/") + implied));
    ::chmod(Path(std::string("l2/") + implied).c_str(), 0755);
  }
  const UniqueFd layer = OpenFile(Path("l2"), O_RDONLY | O_DIRECTORY).value();
  const absl::Status status =
      InheritDirectories(layer.get(), {"home", "home/user", "hidden", "cut", "cut/below", "new", "not-there"},
                         Layers({"l0", "l1"}));
  ASSERT_TRUE(status.ok()) << status;
  struct stat st {};
  ASSERT_EQ(::stat(Path("l2/home/user").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 01750u);
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_gid, 1001u);
  for (const char* own : {"l2/hidden", "l2/cut/below", "l2/new"}) {
    ASSERT_EQ(::stat(Path(own).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777u, 0755u) << own;
  }
}

}  // namespace
}  // namespace cc::image
