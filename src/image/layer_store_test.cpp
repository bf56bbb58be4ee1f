// SPDX-License-Identifier: Apache-2.0
#include "image/layer_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;

const Digest kChain = Digest::Of(HashAlgorithm::kSha256, "chain");

class LayerStoreTest : public testing::Test {
 protected:
  std::string Root() const { return dir_.path() + "/store"; }
  std::string LayerPath() const { return Root() + "/layers/" + kChain.DirName(); }
  TempDir dir_ = TempDir::Create("/tmp/cc-layer-store-").value();
};

TEST_F(LayerStoreTest, ACommittedLayerIsThereForOthers) {
  const auto store = LayerStore::Open(Root()).value();
  EXPECT_FALSE(store->OpenLayer(kChain).ok());
  auto claim = store->Claim(kChain, {}).value();
  ASSERT_TRUE(claim.has_value());
  const UniqueFd staging = claim->OpenStaging().value();
  ASSERT_EQ(::mkdirat(staging.get(), "inside", 0755), 0);
  EXPECT_FALSE(fs::exists(LayerPath()));
  ASSERT_TRUE(claim->Commit().ok());
  EXPECT_TRUE(fs::exists(LayerPath() + "/inside"));
  EXPECT_FALSE(store->Claim(kChain, {})->has_value());
  EXPECT_TRUE(store->OpenLayer(kChain).ok());
  EXPECT_TRUE(fs::is_empty(Root() + "/staging"));
}

TEST_F(LayerStoreTest, AnAbandonedClaimLeavesNothing) {
  const auto store = LayerStore::Open(Root()).value();
  {
    auto claim = store->Claim(kChain, {}).value();
    ASSERT_EQ(::mkdirat(claim->OpenStaging()->get(), "half", 0755), 0);
  }
  EXPECT_TRUE(fs::is_empty(Root() + "/staging"));
  EXPECT_TRUE(fs::is_empty(Root() + "/layers"));
  EXPECT_TRUE(store->Claim(kChain, {})->has_value());
}

TEST_F(LayerStoreTest, OnlyOneOfManyMakesALayer) {
  const auto store = LayerStore::Open(Root()).value();
  std::atomic<int> made = 0, found = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        auto claim = store->Claim(kChain, {}).value();
        if (claim) {
          ++made;
          EXPECT_TRUE(claim->Commit().ok());
        } else {
          ++found;
        }
      });
    }
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(found, 7);
}

TEST_F(LayerStoreTest, WhoWaitsTakesOverFromOneThatFailed) {
  const auto store = LayerStore::Open(Root()).value();
  auto first = store->Claim(kChain, {}).value();
  std::jthread second([&] { EXPECT_TRUE(store->Claim(kChain, {})->has_value()); });
  first.reset();
}

TEST_F(LayerStoreTest, StopEndsTheWait) {
  const auto store = LayerStore::Open(Root()).value();
  auto first = store->Claim(kChain, {}).value();
  std::stop_source stop;
  std::jthread second([&] {
    EXPECT_EQ(store->Claim(kChain, stop.get_token()).status().code(), absl::StatusCode::kCancelled);
  });
  stop.request_stop();
}

TEST_F(LayerStoreTest, ACrashCostsWhatWasUnfinishedOnly) {
  fs::create_directories(Root() + "/staging/7/deep/er");
  fs::create_directories(LayerPath());
  const auto store = LayerStore::Open(Root()).value();
  EXPECT_TRUE(fs::is_empty(Root() + "/staging"));
  EXPECT_FALSE(store->Claim(kChain, {})->has_value());
}

TEST_F(LayerStoreTest, BudgetFollowsTheFreeSpace) {
  fs::create_directory(Root());
  if (::mount("tmpfs", Root().c_str(), "tmpfs", 0, "size=10m") != 0)
    GTEST_SKIP() << "mounting is not allowed here";
  const auto store = LayerStore::Open(Root()).value();
  const uint64_t empty = store->Budget().value();
  EXPECT_LE(empty, 8u << 20);
  EXPECT_GT(empty, 7u << 20);
  ASSERT_TRUE(WriteFileAtomic(Root() + "/fill", std::string(5 << 20, 'x')).ok());
  EXPECT_LE(store->Budget().value(), 4u << 20);
  EXPECT_EQ(::umount2(Root().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace cc::image
