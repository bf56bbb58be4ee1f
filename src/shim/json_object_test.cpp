// SPDX-License-Identifier: Apache-2.0
#include "shim/json_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::shim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(JsonObjectTest, ReadsTypedFields) {
  JsonDocument doc(R"({"a":{"s":"x","b":true,"i":-3,"u":4294967296,"l":["p","q"],"m":{"k":"v"},"n":[1,2]},
                       "o":[{"s":"1"},{"s":"2"}],"null":null})",
                   "doc");
  const JsonObject a = doc.root().Object("a");
  EXPECT_EQ(a.Text("s"), "x");
  EXPECT_TRUE(a.Flag("b"));
  EXPECT_EQ(a.Int("i"), -3);
  EXPECT_EQ(a.Unsigned("u"), 4294967296u);
  EXPECT_THAT(a.Strings("l"), ElementsAre("p", "q"));
  EXPECT_EQ(a.StringMap("m").at("k"), "v");
  EXPECT_THAT(a.Numbers("n"), ElementsAre(1u, 2u));
  ASSERT_EQ(doc.root().Objects("o").size(), 2u);
  EXPECT_EQ(doc.root().Objects("o")[1].Text("s"), "2");
  EXPECT_FALSE(doc.root().Has("null"));
  EXPECT_FALSE(doc.root().Object("absent").Object("deeper").Has("x"));
  EXPECT_TRUE(doc.status().ok()) << doc.status();
}

TEST(JsonObjectTest, FirstWrongTypeIsReportedWithItsPath) {
  JsonDocument doc(R"({"process":{"user":{"uid":"root"}},"mounts":[{"type":1}]})", "config.json");
  EXPECT_EQ(doc.root().Object("process").Object("user").Unsigned32("uid"), 0u);
  for (const JsonObject& mount : doc.root().Objects("mounts")) mount.Text("type");
  EXPECT_EQ(doc.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(doc.status().message()), HasSubstr("config.json.process.user.uid"));
}

TEST(JsonObjectTest, BadInputIsAnErrorAndReadsAsEmpty) {
  for (const char* text : {"", "{", "[]", "3", "{\"a\":1}}", "\xff"}) {
    JsonDocument doc(text, "x");
    EXPECT_FALSE(doc.status().ok()) << text;
    EXPECT_EQ(doc.root().Text("a"), "");
  }
  JsonDocument negative(R"({"n":-1,"big":4294967296,"l":[1]})", "x");
  EXPECT_EQ(negative.root().Unsigned("n"), 0u);
  EXPECT_FALSE(negative.status().ok());
  JsonDocument wide(R"({"big":4294967296})", "x");
  EXPECT_EQ(wide.root().Unsigned32("big"), 0u);
  EXPECT_FALSE(wide.status().ok());
}

}  // namespace
}  // namespace cc::shim
