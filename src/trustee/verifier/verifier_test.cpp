// SPDX-License-Identifier: Apache-2.0
#include "trustee/verifier/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cca/token_samples.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "trustee/verifier/cca_verifier.h"
#include "trustee/verifier/sample_verifier.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json IntegerArray(std::string_view bytes) {
  json array = json::array();
  for (const char c : bytes) array.push_back(static_cast<unsigned char>(c));
  return array;
}

// The token of a Realm that really ran, in both forms of evidence.
TEST(CcaVerifierTest, TakesTheTokenOfARealRealm) {
  CC_SKIP_WITHOUT_TESTDATA();
  const std::string bytes = cca::RecordedToken();
  const std::string challenge = cca::UnverifiedToken::Parse(bytes)->realm().challenge;
  const CcaVerifier verifier(cca::RecordedAnchors(), {});
  for (const json& token : {IntegerArray(bytes), json(jose::Base64Encode(bytes))}) {
    const auto claims = verifier.Verify({{"token", token}}, challenge, std::nullopt);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->tee_class, "cpu");
    EXPECT_EQ(claims->claims["report_data"], jose::ToHex(challenge));
    EXPECT_EQ(jose::Base64Decode(claims->claims["realm"]["cca-realm-initial-measurement"].get<std::string>())
                  ->size(),
              32u);
  }
  EXPECT_THAT(
      std::string(
          verifier.Verify({{"token", IntegerArray(bytes)}}, "other", std::nullopt).status().message()),
      HasSubstr("challenge"));
  EXPECT_THAT(std::string(verifier.Verify({{"token", IntegerArray(bytes)}}, challenge, std::string(32, 'x'))
                              .status()
                              .message()),
              HasSubstr("initdata"));
}

TEST(SampleVerifierTest, ChecksOnlyTheBinding) {
  const SampleVerifier verifier{AllowSampleEvidence{}};
  const auto claims = verifier.Verify({{"svn", "1"}, {"report_data", "eA=="}}, "x", "digest");
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->claims["svn"], "1");
  EXPECT_EQ(claims->claims["init_data"], jose::Base64Encode("digest"));
  for (const json& evidence :
       {json(), json::array(), json::object(), json{{"svn", "1"}}, json{{"svn", 1}, {"report_data", "eA=="}},
        json{{"svn", "1"}, {"report_data", "eQ=="}}, json{{"svn", "1"}, {"report_data", "eA"}},
        json{{"svn", "1"}, {"report_data", ""}}}) {
    EXPECT_FALSE(verifier.Verify(evidence, "x", std::nullopt).ok()) << evidence;
  }
}

}  // namespace
}  // namespace cc::trustee
