// SPDX-License-Identifier: Apache-2.0
#include "trustee/rvps/reference_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"
#include "trustee/rvps/timestamp.h"
#include "trustee/store/memory_store.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr int64_t kStart = 1800000000;  // 2027-01-15T08:00:00Z

class ReferenceValuesTest : public ::testing::Test {
 protected:
  std::string Sample(const json& values) const {
    return json{{"version", "0.1.0"}, {"type", "sample"}, {"payload", jose::Base64Encode(values.dump())}}
        .dump();
  }
  std::string Minimal(const std::string& payload) const {
    return json{{"version", "0.1.0"}, {"type", "minimal"}, {"payload", payload}}.dump();
  }
  int64_t now_ = kStart;
  std::shared_ptr<Store> store_ = std::make_shared<MemoryStore>(100);
  ReferenceValues values_{store_, [this] { return now_; }};
};

TEST_F(ReferenceValuesTest, RegistersEveryKindOfJson) {
  const auto names =
      values_.Register(Sample({{"svn", {"1", "2"}}, {"major", 1}, {"rvps:///ns/x:tag", {{"a", true}}}}));
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("major", "rvps:///ns/x:tag", "svn"));
  EXPECT_THAT(*values_.Query("svn"), Optional(std::string(R"(["1","2"])")));
  EXPECT_THAT(*values_.Query("major"), Optional(std::string("1")));
  EXPECT_THAT(*values_.Query("rvps:///ns/x:tag"), Optional(std::string(R"({"a":true})")));
  EXPECT_EQ(*values_.Query("other"), std::nullopt);
}

TEST_F(ReferenceValuesTest, AValueEndsAfterTwelveMonths) {
  ASSERT_TRUE(values_.Register(Sample({{"svn", "1"}})).ok());
  now_ = AddMonths(kStart, 12) - 1;
  EXPECT_TRUE(values_.Query("svn")->has_value());
  EXPECT_FALSE(values_.Expired("svn"));
  now_ += 1;
  EXPECT_FALSE(values_.Query("svn")->has_value());
  EXPECT_TRUE(values_.Expired("svn"));
  EXPECT_FALSE(values_.Expired("never registered"));
}

TEST_F(ReferenceValuesTest, MinimalMessagesChooseTheirDay) {
  ASSERT_TRUE(
      values_.Register(Minimal(R"({"values":{"rim":["AA=="]},"expiration":"2027-02-01T00:00:00Z"})")).ok());
  EXPECT_THAT(*values_.Query("rim"), Optional(std::string(R"(["AA=="])")));
  now_ = *ParseTimestamp("2027-02-01T00:00:00Z");
  EXPECT_EQ(*values_.Query("rim"), std::nullopt);
}

TEST_F(ReferenceValuesTest, BadMessagesChangeNothing) {
  const std::string good = jose::Base64Encode(R"({"svn":"1"})");
  const std::pair<std::string, const char*> cases[] = {
      {"", "no valid JSON"},
      {"[]", "expected a JSON object"},
      {json{{"version", "0.2.0"}, {"type", "sample"}, {"payload", good}}.dump(), "0.2.0"},
      {json{{"version", "0.1.0"}, {"type", "swid"}, {"payload", good}}.dump(), "'swid' is not supported"},
      {json{{"version", "0.1.0"}, {"payload", good}}.dump(), "'type' is missing"},
      {json{{"version", "0.1.0"}, {"type", "sample"}}.dump(), "'payload' is missing"},
      {json{{"version", "0.1.0"}, {"type", "sample"}, {"payload", 1}}.dump(), "must be a string"},
      {json{{"version", "0.1.0"}, {"type", "sample"}, {"payload", "!"}}.dump(), "base64"},
      {Sample(json::array({1})), "expected a JSON object"},
      {Sample(json::object()), "0 values"},
      {Sample({{"good", 1}, {"", 2}}), "names have"},
      {Minimal("{"), "no valid JSON"},
      {Minimal(R"({"values":[]})"), "'values'"},
      {Minimal(R"({"values":{"a":1},"expires":"x"})"), "'expires' is unknown"},
      {Minimal(R"({"values":{"a":1},"expiration":"tomorrow"})"), "tomorrow"},
      {Minimal(R"({"values":{"a":1},"expiration":"2027-01-15T08:00:00Z"})"), "is past"},
  };
  for (const auto& [message, fault] : cases) {
    const auto names = values_.Register(message);
    ASSERT_FALSE(names.ok()) << message;
    EXPECT_THAT(std::string(names.status().message()), HasSubstr(fault));
  }
  EXPECT_TRUE(store_->List(Area::kReferenceValue, now_)->empty());
}

TEST(TimestampTest, RoundTripsAndCountsLeapDays) {
  for (const int64_t time : {int64_t{0}, kStart, int64_t{951782400}, int64_t{4102444799}}) {
    EXPECT_EQ(*ParseTimestamp(FormatTimestamp(time)), time);
  }
  EXPECT_EQ(FormatTimestamp(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(FormatTimestamp(AddMonths(951782400, 12)), "2001-02-28T00:00:00Z");
}

TEST(TimestampTest, RefusesOtherFormsAndDaysThatAreNone) {
  for (const char* text :
       {"", "2027-02-29T00:00:00Z", "2027-13-01T00:00:00Z", "2027-00-01T00:00:00Z", "2027-01-01T24:00:00Z",
        "2027-01-01T00:60:00Z", "2027-01-01 00:00:00Z", "2027-01-01T00:00:00", "2027-01-01T00:00:00+01:00",
        "2027-1-1T00:00:00Z", "+027-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseTimestamp(text).ok()) << text;
  }
}

}  // namespace
}  // namespace cc::trustee
