// SPDX-License-Identifier: Apache-2.0
#include "attest/offline_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace cc::attest {
namespace {

class OfflineKeysTest : public ::testing::Test {
 protected:
  absl::StatusOr<OfflineKeys> Load(const std::vector<std::string>& texts) {
    std::vector<std::string> paths{directory_.path() + "/absent.json"};
    for (const std::string& text : texts) {
      paths.push_back(directory_.path() + "/" + std::to_string(paths.size()));
      EXPECT_TRUE(WriteFileAtomic(paths.back(), text).ok());
    }
    return OfflineKeys::Load(paths);
  }
  const TempDir directory_ = *TempDir::Create("/tmp/offline-test-");
};

TEST_F(OfflineKeysTest, ServesWhatTheFilesHold) {
  absl::StatusOr<OfflineKeys> keys = Load({R"({"default/key/1":"a2V5"})", R"({"default/key/2":""})"});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->Get(*ResourceUri::Parse("kbs:///default/key/1"))->view(), "key");
  EXPECT_EQ(keys->Get(*ResourceUri::Parse("kbs:///default/key/2"))->view(), "");
  EXPECT_TRUE(absl::IsNotFound(keys->Get(*ResourceUri::Parse("kbs:///default/key/3")).status()));
  EXPECT_TRUE(absl::IsNotFound(keys->Get(*ResourceUri::Parse("kbs+pkcs11:///default/key/1")).status()));
}

TEST_F(OfflineKeysTest, RefusesBadFiles) {
  EXPECT_FALSE(Load({"garbage"}).ok());
  EXPECT_FALSE(Load({R"({"default/key/1":"?"})"}).ok());
  EXPECT_FALSE(Load({R"({"default/key/1":1})"}).ok());
  EXPECT_FALSE(Load({R"({"default/../1":"a2V5"})"}).ok());
  EXPECT_FALSE(Load({R"({"default/key/1":"a2V5"})", R"({"default/key/1":"a2V5"})"}).ok());
}

}  // namespace
}  // namespace cc::attest
