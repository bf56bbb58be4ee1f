// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "trustee/kbs/http.h"

namespace cc::trustee {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

absl::StatusOr<std::string> Resource(const std::string& path) {
  const auto target = ParseTarget("/" + path);
  if (!target.ok()) return target.status();
  return ResourceName(target->segments);
}

TEST(PathTest, SplitsPathAndQuery) {
  const auto target = ParseTarget("/kbs/v0/resource/a/b/c?version=1.0&x=%20y&flag");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_THAT(target->segments, ElementsAre("kbs", "v0", "resource", "a", "b", "c"));
  EXPECT_THAT(target->query, ElementsAre(Pair("flag", ""), Pair("version", "1.0"), Pair("x", " y")));
}

TEST(PathTest, TakesTheGrammarOfResources) {
  for (const char* path : {"a/b/c", "default/key/1", "my_repo/type-x/v1.0.2", "-/_/a..b", "A/B/c."}) {
    EXPECT_EQ(*Resource(path), path);
  }
}

TEST(PathTest, RefusesTraversalInEveryEncoding) {
  const std::string long_name(300, 'a');
  for (const std::string& path : {std::string(""),
                                  std::string("a"),
                                  std::string("a/b"),
                                  std::string("a/b/c/d"),
                                  std::string("/a/b/c"),
                                  std::string("a//c"),
                                  std::string("a/b/"),
                                  std::string("../b/c"),
                                  std::string("a/../c"),
                                  std::string("a/b/.."),
                                  std::string("./b/c"),
                                  std::string(".a/b/c"),
                                  std::string("a/.b/c"),
                                  std::string("%2e%2e/b/c"),
                                  std::string("%2E%2E/b/c"),
                                  std::string(".%2e/b/c"),
                                  std::string("a/%2e/c"),
                                  std::string("a%2fb/c/d"),
                                  std::string("a/b%2Fc/d"),
                                  std::string("a/b/%63"),
                                  std::string("%252e%252e/b/c"),
                                  std::string("..%5cb/c/d"),
                                  std::string("a\\b/c/d"),
                                  std::string("a/b/c%00"),
                                  std::string("a/b/c%0a"),
                                  std::string("a/b/c d"),
                                  std::string("a/b/c\xc0\xae"),
                                  std::string("%c0%ae%c0%ae/b/c"),
                                  std::string("%u002e/b/c"),
                                  std::string("a/b/%"),
                                  std::string("a/b/%2"),
                                  std::string("a/b/%zz"),
                                  std::string("a/b/~"),
                                  std::string("a/b/c;x=1"),
                                  std::string("a/b/c#d"),
                                  StrCat("a/b/", long_name),
                                  std::string("a/b/\xe2\x88\x95")}) {
    EXPECT_FALSE(Resource(path).ok()) << path;
  }
}

TEST(PathTest, RefusesTargetsThatAreNoPath) {
  for (const std::string& target :
       {std::string(""), std::string("kbs/v0"), std::string("http://x/kbs"), std::string("*"),
        std::string("/a?b=%"), std::string("/a?b=1&b=2"), StrCat("/", std::string(5000, 'a')),
        std::string("/a b"), std::string("/a\nb")}) {
    EXPECT_FALSE(ParseTarget(target).ok()) << target;
  }
}

TEST(HttpHeaderTest, FindsBearerTokensAndCookies) {
  EXPECT_EQ(BearerToken("Bearer abc"), "abc");
  EXPECT_EQ(BearerToken("bearer  abc "), "abc");
  for (const char* header : {"", "Bearer", "Basic abc", "abc"}) EXPECT_EQ(BearerToken(header), "") << header;
  EXPECT_EQ(CookieValue("kbs-session-id=1", "kbs-session-id"), "1");
  EXPECT_EQ(CookieValue("a=b; kbs-session-id=2; c=d", "kbs-session-id"), "2");
  for (const char* header : {"", "kbs-session-id", "xkbs-session-id=1", "KBS-session-id=1"}) {
    EXPECT_EQ(CookieValue(header, "kbs-session-id"), "") << header;
  }
}

}  // namespace
}  // namespace cc::trustee
