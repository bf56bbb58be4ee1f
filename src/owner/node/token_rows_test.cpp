// SPDX-License-Identifier: Apache-2.0
#include "owner/node/token_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "cca/token_samples.h"

namespace cc::node_check {
namespace {

using testing::HasSubstr;

std::string Token() {
  return cca::MintToken(cca::TokenForm::kCollection, cca::SamplePlatform(), cca::SampleRealm(),
                        cca::SampleCpak(), cca::SampleRak())
      .value();
}

Prediction Right() {
  const cca::RealmClaims realm = cca::SampleRealm();
  return {realm.rim, realm.rpv, realm.challenge};
}

TEST(TokenRows, AgreeWithARightPrediction) {
  const std::vector<Row> rows = CompareToken(Token(), Right());
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_TRUE(AllUsable(rows)) << RowsTable(rows, false);
}

TEST(TokenRows, ShowEachDifference) {
  const std::pair<size_t, std::function<void(Prediction&)>> kCases[] = {
      {1, [](Prediction& p) { p.rim[0] ^= 1; }},
      {2, [](Prediction& p) { p.rpv[63] ^= 1; }},
      {3, [](Prediction& p) { p.challenge.pop_back(); }}};
  for (const auto& [index, change] : kCases) {
    Prediction wrong = Right();
    change(wrong);
    const std::vector<Row> rows = CompareToken(Token(), wrong);
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].state, i == index ? State::kFailed : State::kOk) << rows[i].name;
    }
    EXPECT_THAT(rows[index].finding, HasSubstr("predicted was"));
    EXPECT_FALSE(rows[index].fix.empty());
  }
}

TEST(TokenRows, NameTheRmmThatMeasuredByOtherRules) {
  Prediction prediction = Right();
  prediction.other_rim = prediction.rim;
  prediction.other_rmm = "1.0";
  EXPECT_EQ(CompareToken(Token(), prediction)[1].state, State::kOk) << "the first prediction goes first";
  prediction.rim[0] ^= 1;
  const Row row = CompareToken(Token(), prediction)[1];
  EXPECT_EQ(row.state, State::kNote);
  EXPECT_THAT(row.finding, HasSubstr("an RMM of version 1.0"));
  prediction.other_rim[1] ^= 1;
  EXPECT_EQ(CompareToken(Token(), prediction)[1].state, State::kFailed);
}

TEST(TokenRows, RefuseWhatIsNoToken) {
  for (const std::string& token : {std::string(), std::string("x"), Token().substr(0, 100)}) {
    EXPECT_FALSE(AllUsable(CompareToken(token, Right())));
  }
}

}  // namespace
}  // namespace cc::node_check
