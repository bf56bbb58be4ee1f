// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/init_data.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "jose/digest.h"

namespace cc::trustee {
namespace {

constexpr char kText[] = R"(version = "0.1.0"
algorithm = "sha384"
[data]
"aa.toml" = '''
[token_configs.kbs]
url = "http://kbs:8080"
'''
"policy.rego" = '''
package agent_policy
default AllowRequestsFailingPolicy := false
policy_data := {"containers":[{"OCI":{"Process":{"User":{"UID":7}}}}]}
'''
"note" = "text"
)";

TEST(InitDataTest, DigestIsOfTheTextAsReceived) {
  const auto init_data = ParseInitData(kText);
  ASSERT_TRUE(init_data.ok()) << init_data.status();
  EXPECT_EQ(init_data->digest, jose::Digest(jose::Hash::kSha384, kText));
  const auto other = ParseInitData(StrCat(kText, "\n"));
  EXPECT_NE(other->digest, init_data->digest);
}

TEST(InitDataTest, KnownFilesBecomeClaims) {
  const auto claims = ParseInitData(kText)->claims;
  EXPECT_EQ(claims["aa.toml"]["token_configs"]["kbs"]["url"], "http://kbs:8080");
  EXPECT_EQ(claims["agent_policy_claims"]["containers"][0]["OCI"]["Process"]["User"]["UID"], 7);
  EXPECT_FALSE(claims.contains("policy.rego"));
  EXPECT_EQ(claims["note"], "text");
}

TEST(InitDataTest, FilesThatAreNotTheirFormatStayText) {
  const auto claims = ParseInitData(
      "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"cdh.toml\" = \"= no\"\n\"policy.rego\" = "
      "\"package x\"\n");
  ASSERT_TRUE(claims.ok());
  EXPECT_EQ(claims->claims["cdh.toml"], "= no");
  EXPECT_EQ(claims->claims["policy.rego"], "package x");
}

TEST(InitDataTest, RefusesOtherTexts) {
  for (const std::string& text :
       {std::string(""), std::string("="), std::string("version = \"0.1.0\"\nalgorithm = \"sha256\"\n"),
        std::string("version = \"0.2.0\"\nalgorithm = \"sha256\"\n[data]\n"),
        std::string("version = \"0.1.0\"\nalgorithm = \"md5\"\n[data]\n"),
        std::string("version = \"0.1.0\"\n[data]\n"),
        std::string("version = 1\nalgorithm = \"sha256\"\n[data]\n"),
        std::string("version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\nx = 1\n"),
        std::string(2 << 20, '#')}) {
    EXPECT_EQ(ParseInitData(text).status().code(), absl::StatusCode::kInvalidArgument) << text.substr(0, 80);
  }
}

}  // namespace
}  // namespace cc::trustee
