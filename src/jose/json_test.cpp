// SPDX-License-Identifier: Apache-2.0
#include "jose/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace cc::jose {
namespace {

std::string Canon(std::string_view text) {
  const auto value = ParseJson(text, "test");
  if (!value.ok()) return std::string(value.status().message());
  const auto canonical = CanonicalJson(*value);
  return canonical.ok() ? *canonical : std::string(canonical.status().message());
}

TEST(CanonicalJsonTest, FollowsRfc8785) {
  const std::pair<const char*, const char*> cases[] = {
      {R"( { "b" : 1 , "a" : [ true , null ] } )", R"({"a":[true,null],"b":1})"},
      {R"({"tee-pubkey":{"y":"2","kty":"EC","x":"1","crv":"P-256","alg":"A"},"nonce":"n","additional-evidence":""})",
       R"({"additional-evidence":"","nonce":"n","tee-pubkey":{"alg":"A","crv":"P-256","kty":"EC","x":"1","y":"2"}})"},
      // Appendix of the RFC: order by UTF-16 code units, so the emoji comes before U+FB33.
      {R"({"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7})",
       "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001F600\":5,\"\ufb33\":3}"},
      {R"("\u000f\n\"\\\/\u007f\b")", "\"\\u000f\\n\\\"\\\\/\x7f\\b\""},
      {"[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0.0,1e21,123456789012345680000,1e-"
       "7]",
       "[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1e+21,123456789012345680000,1e-7]"},
      {"[9007199254740992,-9007199254740992,0]", "[9007199254740992,-9007199254740992,0]"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(Canon(text), expected);
}

TEST(CanonicalJsonTest, RefusesIntegersThatDoublesCannotHold) {
  for (const char* text : {"9007199254740993", "-9007199254740993", "18446744073709551615"}) {
    EXPECT_FALSE(CanonicalJson(*ParseJson(text, "test")).ok()) << text;
  }
}

TEST(ParseJsonTest, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::string deep = StrCat(std::string(65, '['), std::string(65, ']'));
  for (const std::string& text :
       {std::string(""), std::string("{"), std::string("{} x"), std::string("{\"a\":1,\"a\":2}"),
        std::string("{\"a\":{\"b\":1,\"\\u0062\":2}}"), std::string("\"\xff\""), std::string("{'a':1}"),
        std::string("[1,]"), std::string("NaN"), std::string("\xef\xbb\xbf{} {}"), deep}) {
    EXPECT_FALSE(ParseJson(text, "test").ok()) << text;
  }
  EXPECT_TRUE(ParseJson(StrCat(std::string(64, '['), std::string(64, ']')), "test").ok());
}

TEST(ParseJsonTest, SameNameInDifferentObjectsIsFine) {
  EXPECT_TRUE(ParseJson(R"([{"a":{"a":1}},{"a":2}])", "test").ok());
}

TEST(ParseJsonTest, MembersHaveTypes) {
  const auto object = *ParseJsonObject(R"({"s":"x","n":1})", "test");
  EXPECT_EQ(*StringMember(object, "s", "test"), "x");
  EXPECT_FALSE(StringMember(object, "n", "test").ok());
  EXPECT_FALSE(StringMember(object, "m", "test").ok());
  EXPECT_FALSE(ParseJsonObject("[]", "test").ok());
}

}  // namespace
}  // namespace cc::jose
