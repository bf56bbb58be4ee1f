// SPDX-License-Identifier: Apache-2.0
#include "image/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::image {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST(ChallengeTest, ReadsBearerWithRealmServiceAndScope) {
  const auto challenges = ParseChallenges(
      R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")");
  ASSERT_THAT(challenges, SizeIs(1));
  EXPECT_EQ(challenges[0].scheme, "bearer");
  EXPECT_THAT(challenges[0].parameters,
              ElementsAre(Pair("realm", "https://auth.example/token"),
                          Pair("scope", "repository:a/b:pull,push"), Pair("service", "registry.example")));
}

TEST(ChallengeTest, ReadsSeveralChallengesInOneHeader) {
  const auto challenges =
      ParseChallenges(R"(Negotiate, Basic realm="x", BEARER Realm=https://t , service = s)");
  ASSERT_THAT(challenges, SizeIs(3));
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_EQ(challenges[1].parameters.at("realm"), "x");
  EXPECT_EQ(challenges[2].scheme, "bearer");
  EXPECT_EQ(challenges[2].parameters.at("realm"), "https://t");
  EXPECT_EQ(challenges[2].parameters.at("service"), "s");
}

TEST(ChallengeTest, UnescapesQuotedStrings) {
  EXPECT_EQ(ParseChallenges(R"(Basic realm="a\"b\\c, d=e")")[0].parameters.at("realm"), R"(a"b\c, d=e)");
}

TEST(ChallengeTest, SurvivesGarbage) {
  EXPECT_THAT(ParseChallenges(""), IsEmpty());
  EXPECT_THAT(ParseChallenges(",,, ,"), IsEmpty());
  EXPECT_THAT(ParseChallenges("=x"), IsEmpty());
  EXPECT_THAT(ParseChallenges("\x01\x02"), IsEmpty());
  EXPECT_THAT(ParseChallenges(R"(Bearer realm="never closed)")[0].parameters, IsEmpty());
  EXPECT_THAT(ParseChallenges("Bearer"), SizeIs(1));
}

}  // namespace
}  // namespace cc::image
