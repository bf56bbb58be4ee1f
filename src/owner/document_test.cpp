// SPDX-License-Identifier: Apache-2.0
// Reference values, measurements and attestation tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "jose/jws.h"
#include "owner/ear_token.h"
#include "owner/measurement.h"
#include "owner/reference_values.h"

namespace cc::owner {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(ReferenceValues, AMessageHoldsTheValues) {
  const json message = json::parse(*ReferenceValueMessage({{"svn", {"1"}}}));
  EXPECT_EQ(message["version"], "0.1.0");
  EXPECT_EQ(message["type"], "sample");
  EXPECT_EQ(*jose::Base64Decode(message["payload"].get<std::string>()), R"({"svn":["1"]})");
  EXPECT_FALSE(ReferenceValueMessage(json::object()).ok());
  EXPECT_FALSE(ReferenceValueMessage(json::array()).ok());
}

TEST(ReferenceValues, ReadsWhatMeasureWritesAndPlainObjects) {
  EXPECT_EQ(*ValuesOfMeasurement(R"({"artifacts":[],"reference_values":{"a":1}})"), json({{"a", 1}}));
  EXPECT_EQ(*ValuesOfMeasurement(R"({"a":[1,2]})"), json({{"a", {1, 2}}}));
  for (const char* text : {"", "[]", "{}", R"({"artifacts":[]})", R"({"reference_values":[]})",
                           R"({"reference_values":{}})", R"({"a":1,"a":2})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ValuesOfMeasurement(text).status())) << text;
  }
}

TEST(ReferenceValues, PairsBecomeLists) {
  EXPECT_EQ(*ValuesOfPairs({"a", "1", "b", "x", "a", "2"}), json({{"a", {"1", "2"}}, {"b", {"x"}}}));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"a"}, {"a", "1", "b"}, {"", "1"}}) {
    EXPECT_FALSE(ValuesOfPairs(words).ok());
  }
}

// Names and values come from a shell, which does not care for encodings.
TEST(ReferenceValues, TextsThatAreNoUtf8AreRefused) {
  for (const json& values : {json{{"a", {"\xff"}}}, json{{"\xc3", "x"}}}) {
    const auto message = ReferenceValueMessage(values);
    ASSERT_FALSE(message.ok());
    EXPECT_EQ(message.status().message(), "reference values: a text is no valid UTF-8");
  }
}

TEST(ReferenceValues, ListsAreUnitedAndTheRestReplaced) {
  EXPECT_EQ(UniteValues({1, 2}, {2, 3}), json({1, 2, 3}));
  EXPECT_EQ(UniteValues(1, 2), json(2));
  EXPECT_EQ(UniteValues(json("x"), json::array({"y"})), json::array({"y"}));
}

TEST(Measurement, DigestsAreThoseOfOpenssl) {
  const TempDir dir = TempDir::Create("/tmp/cc-measure-test-").value();
  ASSERT_TRUE(WriteFileAtomic(dir.path() + "/kernel", std::string(3000000, 'k')).ok());
  ASSERT_TRUE(WriteFileAtomic(dir.path() + "/initramfs", "").ok());
  const auto measurement = Measure({dir.path() + "/kernel", dir.path() + "/initramfs", "quiet", {}});
  ASSERT_TRUE(measurement.ok()) << measurement.status();
  for (const auto& [option, digest] : {std::pair{"-sha256", measurement->artifacts[0].sha256},
                                       {"-sha384", measurement->artifacts[0].sha384},
                                       {"-sha512", measurement->artifacts[0].sha512}}) {
    const auto run = cc::Run({.argv = {"openssl", "dgst", option, "-r", dir.path() + "/kernel"}});
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->out.substr(0, digest.size() + 1), digest + " ");
  }
  EXPECT_EQ(measurement->artifacts[0].size, 3000000u);
  EXPECT_EQ(measurement->artifacts[1].sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(measurement->artifacts[2].what, "quiet");
  EXPECT_TRUE(ValuesOfMeasurement(MeasurementJson(*measurement))->contains("launch_digest"));
  EXPECT_THAT(MeasurementTable(*measurement), HasSubstr(measurement->artifacts[2].sha512));
}

TEST(Measurement, ARealmGivesTheValuesThatTheDefaultPolicyAsksFor) {
  const TempDir dir = TempDir::Create("/tmp/cc-measure-test-").value();
  ASSERT_TRUE(WriteFileAtomic(dir.path() + "/file", "content").ok());
  RealmDescription realm;
  realm.rims = {{{"RME v10"}, std::string(32, 'r')}, {{"RMI v14", "RMI v15"}, std::string(32, 's')}};
  realm.rpv = std::string(64, 'p');
  realm.hash = "sha256";
  realm.device_tree = "tree";
  const auto measurement = Measure({dir.path() + "/file", dir.path() + "/file", "quiet", realm});
  ASSERT_TRUE(measurement.ok()) << measurement.status();
  EXPECT_EQ(measurement->artifacts[3].size, 4u);
  const json document = json::parse(MeasurementJson(*measurement));
  EXPECT_EQ(document["tee"], "cca");
  EXPECT_EQ(document["realm"]["initial_measurements"][1]["generations"], json({"RMI v14", "RMI v15"}));
  EXPECT_EQ(*ValuesOfMeasurement(document.dump()),
            json({{"cca_realm_initial_measurement",
                   {jose::Base64Encode(std::string(32, 'r')), jose::Base64Encode(std::string(32, 's'))}},
                  {"cca_realm_personalization_value", {jose::Base64Encode(std::string(64, 'p'))}}}));
  EXPECT_THAT(MeasurementTable(*measurement), HasSubstr("RMI v14, RMI v15"));
}

TEST(Measurement, NamesAMissingFile) {
  EXPECT_THAT(Measure({"/none/k", "/none/i", "", {}}).status().ToString(), HasSubstr("/none/k"));
}

class EarTokenTest : public ::testing::Test {
 protected:
  std::string Sign(const json& claims) {
    return jose::SignCompact(key_, jose::SignatureAlgorithm::kEs256, {{"typ", "JWT"}}, claims.dump()).value();
  }
  static std::string KeySet(const jose::Key& key) { return json{{"keys", {key.PublicJwk()}}}.dump(); }
  const jose::Key key_ = jose::Key::Generate(jose::KeyType::kP256).value();
  const json claims_ = {{"iss", "CoCo-Attestation-Service\x1b[31m"},
                        {"exp", 1000},
                        {"submods",
                         {{"cpu0",
                           {{"ear.status", "contraindicated"},
                            {"ear.trustworthiness-vector", {{"hardware", 97}, {"executables", 3}}},
                            {"ear.veraison.annotated-evidence", {{"sample", {{"svn", "1"}}}}}}}}}};
};

TEST_F(EarTokenTest, SaysWhatATokenSays) {
  const auto token = ReadEarToken(Sign(claims_) + "\n", std::nullopt);
  ASSERT_TRUE(token.ok()) << token.status();
  const std::string text = DescribeEarToken(*token, 1001);
  EXPECT_THAT(text, HasSubstr("NOT verified"));
  EXPECT_THAT(text, HasSubstr("cpu0: contraindicated"));
  EXPECT_THAT(text, HasSubstr("contraindicated (97)"));
  EXPECT_THAT(text, HasSubstr("affirming (3)"));
  EXPECT_THAT(text, HasSubstr("1970-01-01T00:16:40Z (EXPIRED)"));
  EXPECT_THAT(text, HasSubstr("\"svn\": \"1\""));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(EarTokenTest, VerifiesWithTheRightKeyOnly) {
  const std::string text = Sign(claims_);
  const auto token = ReadEarToken(text, KeySet(key_));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_TRUE(token->verified);
  const jose::Key other = jose::Key::Generate(jose::KeyType::kP256).value();
  EXPECT_TRUE(absl::IsPermissionDenied(ReadEarToken(text, KeySet(other)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(ReadEarToken(text, R"({"keys":[]})").status()));
  EXPECT_FALSE(ReadEarToken(text, "{}").ok());
}

TEST_F(EarTokenTest, RefusesWhatIsNoToken) {
  for (const char* text : {"", "a.b", "a.b.c", "....", "{}"}) {
    EXPECT_FALSE(ReadEarToken(text, std::nullopt).ok()) << text;
  }
  EXPECT_THAT(DescribeEarToken(*ReadEarToken(Sign({{"iss", 1}, {"submods", 2}}), std::nullopt), 0),
              HasSubstr("no attestation result"));
}

TEST(TrustTier, CoversTheWholeRange) {
  const std::pair<int64_t, const char*> kCases[] = {
      {0, "none"},
      {1, "none"},
      {-1, "none"},
      {2, "affirming"},
      {31, "affirming"},
      {-2, "affirming"},
      {-32, "affirming"},
      {32, "warning"},
      {95, "warning"},
      {-33, "warning"},
      {-96, "warning"},
      {96, "contraindicated"},
      {127, "contraindicated"},
      {-97, "contraindicated"},
      {-128, "contraindicated"},
      {128, "outside"},
  };
  for (const auto& [value, tier] : kCases) EXPECT_THAT(TrustTierText(value), HasSubstr(tier)) << value;
}

}  // namespace
}  // namespace cc::owner
