// SPDX-License-Identifier: Apache-2.0
#include "shim/host_tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/socket.h"

namespace cc::shim {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class HostTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-tree");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
  }
  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }
  void Write(const std::string& name, const std::string& content = "x") const {
    fs::create_directories(fs::path(path(name)).parent_path());
    ASSERT_TRUE(WriteFileAtomic(path(name), content).ok());
  }
  static std::vector<std::string> Names(const HostTree& tree) {
    std::vector<std::string> names;
    for (const HostEntry& entry : tree.entries()) names.push_back(entry.path);
    return names;
  }
  static absl::StatusOr<HostTree> List(const std::string& path, CopyLimits limits = {}) {
    return HostTree::List(path, &limits);
  }

  std::unique_ptr<TempDir> dir_;
};

TEST_F(HostTreeTest, ListsDirectoriesBeforeTheirContent) {
  Write("d/sub/f");
  ASSERT_EQ(::symlink("/etc/shadow", path("d/out").c_str()), 0);
  const auto tree = List(path("d"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->entries()[0].path, "");
  EXPECT_THAT(Names(*tree), UnorderedElementsAre("", "sub", "out", "sub/f"));
  EXPECT_EQ(Names(*tree).back(), "sub/f");
  for (const HostEntry& entry : tree->entries()) {
    if (entry.path == "out") {
      EXPECT_TRUE(S_ISLNK(entry.st.st_mode));
      EXPECT_EQ(entry.target, "/etc/shadow") << "the link itself, not what it points to";
    }
  }
  EXPECT_EQ(tree->fingerprint(), "") << "such a directory is not watched";
}

TEST_F(HostTreeTest, FollowsTheMountedPathItself) {
  Write("real", "content");
  ASSERT_EQ(::symlink("real", path("link").c_str()), 0);
  const auto tree = List(path("link"));
  ASSERT_TRUE(tree.ok());
  ASSERT_EQ(tree->entries().size(), 1U);
  EXPECT_TRUE(S_ISREG(tree->entries()[0].st.st_mode));
  EXPECT_TRUE(tree->OpenRegular(tree->entries()[0]).ok());
}

TEST_F(HostTreeTest, ListsTheCurrentVersionOfAKubernetesVolumeOnly) {
  Write("v/..2026_01_01_00_00_00.1/old");
  Write("v/..2026_01_01_00_00_01.2/key");
  ASSERT_EQ(::symlink("..2026_01_01_00_00_01.2", path("v/..data").c_str()), 0);
  ASSERT_EQ(::symlink("..2026_01_01_00_00_01.2", path("v/..data_tmp").c_str()), 0);
  ASSERT_EQ(::symlink("..data/key", path("v/key").c_str()), 0);
  const auto tree = List(path("v"));
  ASSERT_TRUE(tree.ok());
  EXPECT_EQ(tree->version(), "..2026_01_01_00_00_01.2");
  EXPECT_THAT(Names(*tree), UnorderedElementsAre("", "..data", "key", "..2026_01_01_00_00_01.2",
                                                 "..2026_01_01_00_00_01.2/key"));
  EXPECT_EQ(*FingerprintOf(path("v")), tree->fingerprint());
  ASSERT_EQ(::rename(path("v/..2026_01_01_00_00_00.1").c_str(), path("v/..2026_01_01_00_00_02.3").c_str()),
            0);
  ASSERT_EQ(::symlink("..2026_01_01_00_00_02.3", path("v/t").c_str()), 0);
  ASSERT_EQ(::rename(path("v/t").c_str(), path("v/..data").c_str()), 0);
  EXPECT_NE(*FingerprintOf(path("v")), tree->fingerprint());
}

TEST_F(HostTreeTest, DataLinksThatLeaveTheVolumeAreOrdinaryLinks) {
  for (const char* target : {"/etc", "../..", "..", "..nowhere", "plain"}) {
    fs::remove_all(path("v"));
    Write("v/plain/f");
    ASSERT_EQ(::symlink(target, path("v/..data").c_str()), 0);
    const auto tree = List(path("v"));
    ASSERT_TRUE(tree.ok()) << target;
    EXPECT_EQ(tree->version(), "") << target;
    EXPECT_EQ(tree->entries().size(), 4U) << target;
  }
}

TEST_F(HostTreeTest, RefusesWhatCannotBeCopied) {
  ASSERT_EQ(::mkdir(path("d").c_str(), 0755), 0);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(path("d/fifo").c_str(), 0600), 0);
  const auto socket = ListenUnix(path("socket"));
  ASSERT_TRUE(socket.ok());
  struct Case {
    std::string path;
    std::string says;
  };
  for (const Case& c : {Case{path("fifo"), "a FIFO"}, Case{path("d"), "d/fifo is a FIFO"},
                        Case{path("socket"), "a socket"}, Case{"/dev/null", "a device"},
                        Case{"/proc", "the host's kernel"}, Case{"/proc/sys/kernel", "the host's kernel"}}) {
    const absl::Status status = List(c.path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.path;
    EXPECT_THAT(status.ToString(), HasSubstr(c.says));
  }
  EXPECT_EQ(List(path("absent")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(HostTreeTest, LimitsHoldForAllTreesTogether) {
  Write("a/1", std::string(60, 'x'));
  Write("b/1", std::string(60, 'x'));
  CopyLimits left{.bytes = 100, .entries = 10};
  ASSERT_TRUE(HostTree::List(path("a"), &left).ok());
  const absl::Status status = HostTree::List(path("b"), &left).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.ToString(), HasSubstr("volumes.copy_limit_mib"));
  left = {.bytes = 100, .entries = 3};
  ASSERT_TRUE(HostTree::List(path("a"), &left).ok());
  EXPECT_EQ(HostTree::List(path("b"), &left).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(HostTreeTest, OpensNothingThroughALinkThatCameLater) {
  Write("d/sub/f");
  const auto tree = List(path("d"));
  ASSERT_TRUE(tree.ok());
  const HostEntry& file = tree->entries().back();
  ASSERT_EQ(file.path, "sub/f");
  ASSERT_TRUE(tree->OpenRegular(file).ok());
  Write("outside/f", "secret");
  fs::remove_all(path("d/sub"));
  ASSERT_EQ(::symlink("../outside", path("d/sub").c_str()), 0);
  EXPECT_EQ(tree->OpenRegular(file).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(HostTreeTest, DeepTreesNeedNoStack) {
  std::string name = "deep";
  for (int i = 0; i < 900; ++i) name += "/d";
  fs::create_directories(path(name));
  const auto tree = List(path("deep"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->entries().size(), 901U);
}

}  // namespace
}  // namespace cc::shim
