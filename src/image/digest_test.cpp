// SPDX-License-Identifier: Apache-2.0
#include "image/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::image {
namespace {

constexpr char kEmptySha256[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(DigestTest, ParsesWhatItPrints) {
  absl::StatusOr<Digest> digest = Digest::Parse(kEmptySha256);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->ToString(), kEmptySha256);
  EXPECT_EQ(digest->DirName().substr(0, 10), "sha256-e3b");
}

TEST(DigestTest, ComputesKnownValues) {
  EXPECT_EQ(Digest::Of(HashAlgorithm::kSha256, "").ToString(), kEmptySha256);
  EXPECT_EQ(Digest::Of(HashAlgorithm::kSha512, "abc").hex().substr(0, 16), "ddaf35a193617aba");
  Hasher hasher(HashAlgorithm::kSha256);
  hasher.Update("ab");
  hasher.Update("c");
  EXPECT_EQ(hasher.Finish(), Digest::Of(HashAlgorithm::kSha256, "abc"));
}

TEST(DigestTest, RefusesEverythingElse) {
  const std::string hex64(64, 'a');
  for (const std::string& bad :
       {std::string(), std::string("sha256"), std::string("sha256:"), "sha256:" + std::string(63, 'a'),
        "sha256:" + std::string(65, 'a'), "sha256:" + std::string(64, 'A'), "sha256:" + std::string(64, 'g'),
        "md5:" + hex64, hex64, "sha512:" + hex64, "sha256:../../../etc/passwd" + hex64, "SHA256:" + hex64,
        "sha256:" + std::string(63, 'a') + "\n", "sha256:" + hex64 + ":x"}) {
    EXPECT_FALSE(Digest::Parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace cc::image
