// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/snapshotter.h"

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "snapshotter/labels.h"

namespace cc::snapshotter {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::string kRef = kRefLabel;
const std::string kVolume = "io.katacontainers.volume=";

class SnapshotterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Create("/tmp/cc-snapshotter");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    Reopen();
  }
  void Reopen() {
    snapshotter_.reset();
    auto opened = Snapshotter::Open(root());
    ASSERT_TRUE(opened.ok()) << opened.status();
    snapshotter_ = *std::move(opened);
  }
  std::string root() const { return dir_->path() + "/root"; }

  void Pull(const std::string& chain, const std::string& parent) {
    EXPECT_EQ(snapshotter_->Prepare("default/1/extract-1 " + chain, parent, {{kRef, chain}}).status().code(),
              StatusCode::kAlreadyExists);
  }
  std::vector<std::string> Names(const std::vector<std::string>& filters = {}) {
    std::vector<std::string> names;
    EXPECT_TRUE(snapshotter_
                    ->List(*Filter::Parse(filters),
                           [&](const std::vector<Snapshot>& page) {
                             for (const Snapshot& snapshot : page) names.push_back(snapshot.name);
                             return true;
                           })
                    .ok());
    return names;
  }
  std::vector<std::string> Unpacked() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(root() + "/unpack")) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::unique_ptr<TempDir> dir_;
  std::unique_ptr<Snapshotter> snapshotter_;
};

TEST_F(SnapshotterTest, APullCommitsLayersWithoutContent) {
  Pull("sha256:a", "");
  Pull("sha256:b", "sha256:a");
  const auto info = snapshotter_->Stat("sha256:b");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->kind, Kind::kCommitted);
  EXPECT_EQ(info->parent, "sha256:a");
  // As containerd looks for it.
  EXPECT_THAT(Names({R"(labels."containerd.io/snapshot.ref"==sha256:b,parent=="sha256:a")"}),
              UnorderedElementsAre("sha256:b"));
  EXPECT_TRUE(Unpacked().empty());
}

TEST_F(SnapshotterTest, TheSameLayerIsCommittedOnce) {
  Pull("sha256:a", "");
  Pull("sha256:a", "");
  EXPECT_THAT(Names(), UnorderedElementsAre("sha256:a"));
}

TEST_F(SnapshotterTest, ALayerWhoseNameIsTakenIsStillFoundByItsLabel) {
  ASSERT_TRUE(snapshotter_->Prepare("base", "", {}).ok());
  ASSERT_TRUE(snapshotter_->Commit("default/2/sha256:a", "base", {}).ok());
  Pull("sha256:b", "default/2/sha256:a");
  Pull("sha256:a", "");
  Pull("sha256:b", "sha256:a");
  EXPECT_EQ(Names({R"(labels."containerd.io/snapshot.ref"==sha256:b,parent=="sha256:a")"}).size(), 1u);
  EXPECT_EQ(Names({R"(labels."containerd.io/snapshot.ref"==sha256:b)"}).size(), 2u);
}

TEST_F(SnapshotterTest, AContainerGetsAMountThatNeedsNoHelperAndNamesNoImage) {
  Pull("sha256:a", "");
  for (const bool view : {false, true}) {
    const std::string key = view ? "view" : "container";
    const auto mount =
        view ? snapshotter_->View(key, "sha256:a", {}) : snapshotter_->Prepare(key, "sha256:a", {});
    ASSERT_TRUE(mount.ok()) << mount.status();
    EXPECT_EQ(mount->type(), "bind");
    EXPECT_EQ(mount->source(), root() + "/rootfs");
    EXPECT_TRUE(std::filesystem::is_empty(mount->source()));
    EXPECT_EQ(mount->options(0), "bind");
    EXPECT_EQ(mount->options(1), "ro");
    EXPECT_THAT(mount->options(2), testing::StartsWith(kVolume));
    EXPECT_EQ(snapshotter_->Mounts(key)->SerializeAsString(), mount->SerializeAsString());
    std::string json;
    ASSERT_TRUE(absl::Base64Unescape(mount->options(2).substr(kVolume.size()), &json));
    const nlohmann::json volume = nlohmann::json::parse(json);
    EXPECT_EQ(volume.at("volume_type"), "image_guest_pull");
    EXPECT_EQ(volume.at("source"), "dummy-image-reference");
    EXPECT_TRUE(volume.at("image_pull").at("metadata").is_object());
  }
}

TEST_F(SnapshotterTest, AnUnpackForAnImageOfAnotherSnapshotterLeavesNothing) {
  const std::string key = "k8s.io/7/extract-12-ab sha256:a";
  const auto mount = snapshotter_->Prepare(key, "", {});
  ASSERT_TRUE(mount.ok()) << mount.status();
  EXPECT_THAT(mount->options(), testing::ElementsAre("bind", "rw"));
  ASSERT_TRUE(WriteFileAtomic(mount->source() + "/file", "content").ok());
  ASSERT_TRUE(snapshotter_->Commit("k8s.io/8/sha256:a", key, {}).ok());
  EXPECT_TRUE(Unpacked().empty());
  EXPECT_EQ(snapshotter_->Prepare("k8s.io/9/container", "k8s.io/8/sha256:a", {})->source(),
            root() + "/rootfs");
}

TEST_F(SnapshotterTest, AnAbortedUnpackIsDeleted) {
  const auto mount = snapshotter_->Prepare("extract-1 x", "", {});
  ASSERT_TRUE(WriteFileAtomic(mount->source() + "/file", "content").ok());
  ASSERT_TRUE(snapshotter_->Remove("extract-1 x").ok());
  EXPECT_TRUE(Unpacked().empty());
}

TEST_F(SnapshotterTest, OpeningDeletesWhatNoSnapshotNeedsAndKeepsTheRest) {
  const std::string kept = snapshotter_->Prepare("default/1/extract-1 x", "", {})->source();
  std::filesystem::create_directories(root() + "/unpack/4711/deep");
  std::filesystem::create_directories(root() + "/unpack/no-number");
  Reopen();
  EXPECT_THAT(Unpacked(), UnorderedElementsAre(std::filesystem::path(kept).filename()));
  std::filesystem::remove(kept);
  EXPECT_EQ(snapshotter_->Mounts("default/1/extract-1 x")->source(), kept);
  EXPECT_TRUE(std::filesystem::exists(kept));
}

TEST_F(SnapshotterTest, StateSurvivesARestart) {
  Pull("sha256:a", "");
  ASSERT_TRUE(snapshotter_->Prepare("container", "sha256:a", {{"x", "y"}}).ok());
  const Snapshot before = *snapshotter_->Stat("container");
  Reopen();
  const Snapshot after = *snapshotter_->Stat("container");
  EXPECT_EQ(after.parent, "sha256:a");
  EXPECT_EQ(after.labels, before.labels);
  EXPECT_EQ(after.created_ns, before.created_ns);
}

TEST_F(SnapshotterTest, OneProcessUsesADirectory) {
  const absl::Status status = Snapshotter::Open(root()).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("another cc-snapshotter"));
}

TEST_F(SnapshotterTest, ParentsOutliveTheirChildrenInAnyOrder) {
  Pull("sha256:a", "");
  Pull("sha256:b", "sha256:a");
  ASSERT_TRUE(snapshotter_->Prepare("container", "sha256:b", {}).ok());
  EXPECT_EQ(snapshotter_->Remove("sha256:a").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Remove("sha256:b").code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(snapshotter_->Remove("container").ok());
  EXPECT_EQ(snapshotter_->Remove("sha256:a").code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(snapshotter_->Remove("sha256:b").ok());
  EXPECT_TRUE(snapshotter_->Remove("sha256:a").ok());
  EXPECT_EQ(snapshotter_->Remove("sha256:a").code(), StatusCode::kNotFound);
  EXPECT_TRUE(Names().empty());
}

TEST_F(SnapshotterTest, WrongCallsGetTheCodesThatContainerdActsUpon) {
  Pull("sha256:a", "");
  ASSERT_TRUE(snapshotter_->Prepare("active", "sha256:a", {}).ok());
  ASSERT_TRUE(snapshotter_->View("view", "sha256:a", {}).ok());
  EXPECT_EQ(snapshotter_->Prepare("active", "", {}).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(snapshotter_->View("active", "", {}).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(snapshotter_->Prepare("x", "absent", {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Prepare("x", "absent", {{kRef, "sha256:x"}}).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Prepare("x", "active", {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(snapshotter_->Prepare("", "", {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(snapshotter_->Prepare(std::string(40000, 'k'), "", {}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(snapshotter_->Prepare("x", "", {{"l", std::string(5000, 'v')}}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(snapshotter_->Mounts("sha256:a").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Mounts("absent").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Stat("absent").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Commit("n", "absent", {}).code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Commit("n", "view", {}).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Commit("n", "sha256:a", {}).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Commit("sha256:a", "active", {}).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(snapshotter_->Update("absent", {}, {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Update("active", {}, {"kind"}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(snapshotter_->Stat("active")->kind, Kind::kActive);
}

TEST_F(SnapshotterTest, UpdateChangesTheFieldsItNames) {
  ASSERT_TRUE(snapshotter_->Prepare("s", "", {{"a", "1"}, {"b", "2"}, {"containerd.io/x.y", "3"}}).ok());
  const auto labels = [&](const Labels& from, const std::vector<std::string>& paths) {
    return snapshotter_->Update("s", from, paths)->labels;
  };
  EXPECT_EQ(labels({{"a", "9"}, {"b", "8"}}, {"labels.a"}),
            (Labels{{"a", "9"}, {"b", "2"}, {"containerd.io/x.y", "3"}}));
  EXPECT_EQ(labels({}, {"labels.containerd.io/x.y"}), (Labels{{"a", "9"}, {"b", "2"}}));
  EXPECT_EQ(labels({{"b", ""}}, {"labels.b"}), (Labels{{"a", "9"}}));
  EXPECT_EQ(labels({{"c", "4"}}, {"labels"}), (Labels{{"c", "4"}}));
  EXPECT_EQ(labels({{"d", "5"}}, {}), (Labels{{"d", "5"}}));
  EXPECT_EQ(snapshotter_->Stat("s")->labels, (Labels{{"d", "5"}}));
  EXPECT_GT(snapshotter_->Stat("s")->updated_ns, snapshotter_->Stat("s")->created_ns);
}

TEST_F(SnapshotterTest, ListsMoreThanOnePageEachOnce) {
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(snapshotter_->Prepare(StrCat("s", i), "", {}).ok());
  std::vector<std::string> names = Names({"kind==active"});
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()) - names.begin(), 250);
  EXPECT_TRUE(Names({"kind==view"}).empty());
}

TEST_F(SnapshotterTest, OneOfManyConcurrentPreparesOfAKeyWins) {
  std::atomic<int> won = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = snapshotter_->Prepare("key", "", {}).status();
      if (status.ok()) ++won;
      if (absl::IsAlreadyExists(status)) ++lost;
      Pull("sha256:a", "");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 7);
  EXPECT_EQ(Names().size(), 2u);
}

}  // namespace
}  // namespace cc::snapshotter
