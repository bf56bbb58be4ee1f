// SPDX-License-Identifier: Apache-2.0
#include "datahub/init_data.h"

#include <gtest/gtest.h>

#include "jose/base64.h"
#include "jose/digest.h"

namespace cc::datahub {
namespace {

constexpr char kText[] = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n";

TEST(InitDataBindingTest, TheDigestIsOfTheTextByteForByte) {
  const auto binding = BindingOf(kText);
  ASSERT_TRUE(binding.ok()) << binding.status();
  EXPECT_EQ(binding->text, kText);
  EXPECT_EQ(binding->digest, jose::Digest(jose::Hash::kSha384, kText));
  EXPECT_FALSE(BindingOf("version = \"0.1.0\"\n").ok());
}

TEST(InitDataBindingTest, ADigestAloneIsBase64OfAKnownSize) {
  EXPECT_EQ(BindingOfDigest(jose::Base64Encode(std::string(48, 'd')))->digest, std::string(48, 'd'));
  EXPECT_FALSE(BindingOfDigest(jose::Base64Encode("short")).ok());
  EXPECT_FALSE(BindingOfDigest("not base64!").ok());
}

}  // namespace
}  // namespace cc::datahub
