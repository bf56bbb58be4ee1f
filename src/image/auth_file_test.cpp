// SPDX-License-Identifier: Apache-2.0
#include "image/auth_file.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::image {
namespace {

std::string UserFor(const AuthFile& file, const std::string& reference) {
  const auto credentials = file.Find(*Reference::Parse(reference));
  return credentials ? credentials->user : "none";
}

TEST(AuthFileTest, TakesTheMostSpecificEntry) {
  // base64 of "a:1", "b:2", "c:3", "d:4"
  const auto file = AuthFile::Parse(R"({"auths":{"reg:5000":{"auth":"YTox"},"reg:5000/team":{"auth":"Yjoy"},
      "reg:5000/team/app":{"auth":"Yzoz"},"other.example":{"auth":"ZDo0"}},"credHelpers":{}})");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(UserFor(*file, "reg:5000/team/app:v1"), "c");
  EXPECT_EQ(UserFor(*file, "reg:5000/team/app2"), "b");
  EXPECT_EQ(UserFor(*file, "reg:5000/teammate/app"), "a");
  EXPECT_EQ(UserFor(*file, "reg/team/app"), "none");
  EXPECT_EQ(UserFor(*file, "reg.example/x"), "none");
  EXPECT_EQ(UserFor(*file, "notother.example/x"), "none");
}

TEST(AuthFileTest, KnowsDockerHubsOldKey) {
  const auto file = AuthFile::Parse(R"({"auths":{"https://index.docker.io/v1/":{"auth":"YTox"}}})");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(UserFor(*file, "busybox"), "a");
  EXPECT_EQ(UserFor(*file, "ghcr.io/x"), "none");
}

TEST(AuthFileTest, PasswordsMayHoldColons) {
  const auto file = AuthFile::Parse(R"({"auths":{"r.example":{"auth":"dTpwOnc="}}})");  // u:p:w
  const auto credentials = file->Find(*Reference::Parse("r.example/x"));
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->password, "p:w");
  EXPECT_EQ(credentials->Basic(), "Basic dTpwOnc=");
}

TEST(AuthFileTest, SkipsEntriesWithoutCredentialsAndNamesDamagedOnes) {
  EXPECT_TRUE(AuthFile::Parse(R"({})").ok());
  EXPECT_TRUE(AuthFile::Parse(R"({"auths":{"r.example":{}}})").ok());
  for (const char* bad : {"", "[]", R"({"auths":[]})", R"({"auths":{"r":1}})",
                          R"({"auths":{"r":{"auth":"!!!"}}})", R"({"auths":{"r":{"auth":"YQ=="}}})"}) {
    const auto file = AuthFile::Parse(bad);
    ASSERT_FALSE(file.ok()) << bad;
    EXPECT_EQ(file.status().ToString().find("YQ=="), std::string::npos);  // no secret in the message
  }
}

}  // namespace
}  // namespace cc::image
