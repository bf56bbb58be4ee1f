// SPDX-License-Identifier: Apache-2.0
#include "attest/resource_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::attest {
namespace {

using ::testing::HasSubstr;

TEST(ResourceUri, ReadsWhatUpstreamWrites) {
  const struct {
    const char *text, *plugin, *path, *query, *canonical;
  } kCases[] = {
      {"kbs:///default/key/1", "resource", "default/key/1", "", "kbs:///default/key/1"},
      {"kbs://kbs.example:8080/my-repo/type_x/v1.2", "resource", "my-repo/type_x/v1.2", "",
       "kbs:///my-repo/type_x/v1.2"},
      {"kbs://10.0.0.1/a/b/c?d=e&f=g", "resource", "a/b/c", "d=e&f=g", "kbs:///a/b/c?d=e&f=g"},
      {"kbs+pkcs11:///wrap-key", "pkcs11", "wrap-key", "", "kbs+pkcs11:///wrap-key"},
      {"kbs+nebula-ca:///credential?ip=10.11.12.13/24", "nebula-ca", "credential", "ip=10.11.12.13/24",
       "kbs+nebula-ca:///credential?ip=10.11.12.13/24"},
  };
  for (const auto& c : kCases) {
    absl::StatusOr<ResourceUri> uri = ResourceUri::Parse(c.text);
    ASSERT_TRUE(uri.ok()) << uri.status();
    EXPECT_EQ(uri->plugin(), c.plugin);
    EXPECT_EQ(uri->path(), c.path);
    EXPECT_EQ(uri->query(), c.query);
    EXPECT_EQ(uri->ToString(), c.canonical);
    EXPECT_EQ(*ResourceUri::Parse(uri->ToString()), *uri);
  }
}

TEST(ResourceUri, RefusesAnythingThatCouldNameSomethingElse) {
  const struct {
    std::string text;
    const char* rule;
  } kCases[] = {
      {"", "expected kbs:///"},
      {"default/key/1", "expected kbs:///"},
      {"http:///a/b/c", "scheme"},
      {"KBS:///a/b/c", "scheme"},
      {"kbs+:///a/b/c", "plugin"},
      {"kbs+resource:///a/b/c", "plugin"},
      {"kbs+a/b:///a/b/c", "plugin"},
      {"kbs://a", "path is missing"},
      {"kbs:///a/b", "three path segments"},
      {"kbs:///a/b/c/d", "three path segments"},
      {"kbs:///a/b/c/", "three path segments"},
      {"kbs:////a/b", "path segment"},
      {"kbs:///a//c", "path segment"},
      {"kbs:///../b/c", "path segment"},
      {"kbs:///a/b/..", "path segment"},
      {"kbs:///a/b/.c", "path segment"},
      {"kbs:///a/b/%2e%2e", "path segment"},
      {"kbs:///a/b/c%00", "path segment"},
      {"kbs:///a/b/c d", "path segment"},
      {"kbs:///a\\b/c/d", "path segment"},
      {"kbs:///a/b/c#d", "path segment"},
      {"kbs:///a/b/\xc3\xa9", "path segment"},
      {std::string("kbs:///a/b/c\0d", 14), "path segment"},
      {"kbs:///a/b/c\r\nX: y", "path segment"},
      {"kbs://user@host/a/b/c", "host"},
      {"kbs://host:99999/a/b/c", "host"},
      {"kbs://:80/a/b/c", "host"},
      {"kbs:///a/b/c?", "query"},
      {"kbs:///a/b/c?x=\r\n", "query"},
      {"kbs:///a/b/" + std::string(1024, 'c'), "longer than"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ResourceUri::Parse(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.rule)) << c.text;
  }
}

TEST(ResourceUri, TakesAPlainPath) {
  EXPECT_EQ(ResourceUri::FromPath("/a/b/c")->ToString(), "kbs:///a/b/c");
  EXPECT_EQ(ResourceUri::FromPath("a/b/c")->ToString(), "kbs:///a/b/c");
  EXPECT_FALSE(ResourceUri::FromPath("//a/b/c").ok());
  EXPECT_FALSE(ResourceUri::FromPath("kbs:///a/b/c").ok());
}

}  // namespace
}  // namespace cc::attest
