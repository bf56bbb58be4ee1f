// SPDX-License-Identifier: Apache-2.0
#include "trustee/policies/policy_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "trustee/store/memory_store.h"

namespace cc::trustee {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What the default CPU policy says about claims, given reference values.
json Judge(const json& input, const json& values) {
  PolicyBook book(std::make_shared<MemoryStore>(10));
  const auto policy = book.Find(PolicyKind::kAttestation, "default_cpu");
  EXPECT_TRUE(policy.ok()) << policy.status();
  const policy::Lookup lookup{"query_reference_value",
                              [&](std::string_view name) -> std::optional<std::string> {
                                const auto value = values.find(std::string(name));
                                if (value == values.end()) return std::nullopt;
                                return value->dump();
                              }};
  const auto result = policy->policy.Evaluate({.rules = {"data.policy.trust_claims", "data.policy.reasons"},
                                               .input = input.dump(),
                                               .lookups = {lookup}});
  EXPECT_TRUE(result.ok()) << result.status();
  json judgement = json::parse((*result)[0].value_or("null"));
  judgement["reasons"] = json::parse((*result)[1].value_or("null"));
  return judgement;
}

const json kRealm = {
    {"cca",
     {{"realm", {{"cca-realm-initial-measurement", "cmlt"}, {"cca-realm-personalization-value", "cnB2"}}},
      {"platform",
       {{"cca-platform-lifecycle-state", "secured"},
        {"cca-platform-implementation-id", "aW1wbA=="},
        {"cca-platform-sw-components",
         {{{"measurement-value", "Zncx"}, {"component-type", "BL"}}, {{"measurement-value", "Zncy"}}}}}}}}};
const json kValues = {{"cca_realm_initial_measurement", {"b3RoZXI=", "cmlt"}},
                      {"cca_realm_personalization_value", {"cnB2"}},
                      {"cca_platform_implementation_id", {"aW1wbA=="}},
                      {"cca_platform_sw_component", {"Zncx", "Zncy"}}};

TEST(DefaultCpuPolicyTest, AffirmsAnEndorsedRealm) {
  const json judgement = Judge(kRealm, kValues);
  EXPECT_EQ(judgement["executables"], 3);
  EXPECT_EQ(judgement["hardware"], 2);
  EXPECT_EQ(judgement["configuration"], 2);
  EXPECT_EQ(judgement["reasons"], json::array());
}

TEST(DefaultCpuPolicyTest, EachMissingEndorsementIsFeltAndNamed) {
  const struct {
    const char* name;
    const char* claim;
    int value;
    const char* reason;
  } cases[] = {
      {"cca_realm_initial_measurement", "executables", 33, "realm initial measurement cmlt is not endorsed"},
      {"cca_realm_personalization_value", "configuration", 36, "cnB2 is not endorsed"},
      {"cca_platform_implementation_id", "hardware", 97, "platform implementation aW1wbA== is not endorsed"},
      {"cca_platform_sw_component", "hardware", 97, "platform firmware BL Zncx is not endorsed"},
  };
  for (const auto& test : cases) {
    json values = kValues;
    values.erase(test.name);
    json judgement = Judge(kRealm, values);
    EXPECT_EQ(judgement[test.claim], test.value) << test.name;
    EXPECT_THAT(judgement["reasons"].dump(), HasSubstr(test.reason));
    values[test.name] = "cmlt cnB2 aW1wbA== Zncx Zncy";  // text that contains the value is no endorsement
    EXPECT_EQ(Judge(kRealm, values)[test.claim], test.value) << test.name;
  }
}

TEST(DefaultCpuPolicyTest, APlatformThatIsNotSecuredIsNotAffirmed) {
  json realm = kRealm;
  realm["cca"]["platform"]["cca-platform-lifecycle-state"] = "non-cca-platform-rot-debug";
  EXPECT_EQ(Judge(realm, kValues)["hardware"], 97);
  realm = kRealm;
  realm["cca"]["platform"]["cca-platform-sw-components"] = json::array();
  EXPECT_EQ(Judge(realm, kValues)["hardware"], 97);
}

TEST(DefaultCpuPolicyTest, UnknownEvidenceIsContraindicated) {
  for (const json& input : {json::object(), json{{"tdx", {{"x", 1}}}}, json{{"cca", json::object()}}}) {
    const json judgement = Judge(input, kValues);
    EXPECT_EQ(judgement["hardware"], 97);
    EXPECT_EQ(judgement["executables"], 33);
  }
}

TEST(PolicyBookTest, AStoredPolicyReplacesTheDefaultAndBadOnesReplaceNothing) {
  PolicyBook book(std::make_shared<MemoryStore>(10));
  const std::string before = book.Find(PolicyKind::kResource, "resource-policy")->digest;
  EXPECT_FALSE(book.Set(PolicyKind::kResource, "resource-policy", "package policy\nallow if {").ok());
  EXPECT_FALSE(book.Set(PolicyKind::kResource, "resource-policy", "package other\nallow := true\n").ok());
  EXPECT_EQ(book.Find(PolicyKind::kResource, "resource-policy")->digest, before);
  ASSERT_TRUE(book.Set(PolicyKind::kResource, "resource-policy", "package policy\nallow := true\n").ok());
  EXPECT_NE(book.Find(PolicyKind::kResource, "resource-policy")->digest, before);
}

TEST(PolicyBookTest, KindsAndIdsAreApart) {
  PolicyBook book(std::make_shared<MemoryStore>(10));
  ASSERT_TRUE(
      book.Set(PolicyKind::kAttestation, "resource-policy", "package policy\ntrust_claims := {}\n").ok());
  EXPECT_THAT(*book.List(PolicyKind::kAttestation), ElementsAre("default_cpu", "resource-policy"));
  EXPECT_THAT(*book.List(PolicyKind::kResource), ElementsAre("resource-policy"));
  EXPECT_EQ(book.Find(PolicyKind::kAttestation, "default_gpu").status().code(), absl::StatusCode::kNotFound);
  for (const char* id : {"", "../x", "a/b", ".hidden", "a b", "a\n"}) {
    EXPECT_EQ(book.Set(PolicyKind::kAttestation, id, "package policy\n").code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace cc::trustee
