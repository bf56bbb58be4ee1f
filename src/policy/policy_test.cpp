// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/strings.h"

namespace cc::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kAllow[] = R"(package policy
import rego.v1

default allow := false

allow if {
  data.plugin == "resource"
  input.svn == "1"
}
)";

Policy Compiled(std::string_view text) {
  absl::StatusOr<Policy> policy = Policy::Compile("test.rego", text);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return *std::move(policy);
}

TEST(PolicyTest, DecidesByInputAndData) {
  const Policy policy = Compiled(kAllow);
  EXPECT_EQ(policy.package(), "data.policy");
  const auto decide = [&](const char* input, const char* data) {
    return policy.Evaluate({.rules = {"data.policy.allow"}, .input = input, .data = data});
  };
  EXPECT_THAT(*decide(R"({"svn":"1"})", R"({"plugin":"resource"})"), ElementsAre("true"));
  EXPECT_THAT(*decide(R"({"svn":"2"})", R"({"plugin":"resource"})"), ElementsAre("false"));
  EXPECT_THAT(*decide(R"({"svn":"1"})", R"({"plugin":"other"})"), ElementsAre("false"));
}

TEST(PolicyTest, EvaluationsDoNotSeeEachOthersData) {
  const Policy policy = Compiled(kAllow);
  const Query first{
      .rules = {"data.policy.allow"}, .input = R"({"svn":"1"})", .data = R"({"plugin":"resource"})"};
  Query second = first;
  second.data.clear();
  EXPECT_THAT(*policy.Evaluate(first), ElementsAre("true"));
  EXPECT_THAT(*policy.Evaluate(second), ElementsAre("false"));
}

TEST(PolicyTest, UndefinedAndAbsentRulesHaveNoValue) {
  const Policy policy = Compiled("package policy\nimport rego.v1\nallow if input.x == 1\n");
  const auto values = policy.Evaluate({.rules = {"data.policy.allow", "data.policy.nothing"}, .input = "{}"});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre(std::nullopt, std::nullopt));
}

TEST(PolicyTest, CallsBackForReferenceValues) {
  const Policy policy = Compiled(R"(package policy
import rego.v1
default trust := 97
trust := 2 if input.m in query_reference_value("measurements")
missing := query_reference_value("none")
)");
  std::vector<std::string> asked;
  const Lookup lookup{"query_reference_value", [&](std::string_view id) -> std::optional<std::string> {
                        asked.emplace_back(id);
                        if (id == "measurements") return R"(["aa","bb"])";
                        return std::nullopt;
                      }};
  const auto values = policy.Evaluate(
      {.rules = {"data.policy.trust", "data.policy.missing"}, .input = R"({"m":"bb"})", .lookups = {lookup}});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre("2", "null"));
  EXPECT_THAT(asked, ElementsAre("measurements", "none"));
}

TEST(PolicyTest, TextThatDoesNotCompileNamesFileAndLine) {
  for (const char* text : {"package policy\nallow if {", "package policy\n\nallow := := 1", "nothing", ""}) {
    const auto policy = Policy::Compile("bad.rego", text);
    ASSERT_FALSE(policy.ok()) << text;
    EXPECT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument) << policy.status();
    EXPECT_THAT(std::string(policy.status().message()), HasSubstr("bad.rego"));
  }
  const auto third_line = Policy::Compile("bad.rego", "package policy\n\nallow := := 1\n");
  EXPECT_THAT(std::string(third_line.status().message()), HasSubstr("bad.rego:3:"));
}

TEST(PolicyTest, RefusesMoreThanAMebibyteAndTakesALittleLess) {
  const std::string head = "package policy\nallow := true\n";
  const std::string line = StrCat("# ", std::string(1000, 'x'), "\n");
  std::string text = head;
  while (text.size() + line.size() < (1 << 20)) text += line;
  EXPECT_TRUE(Policy::Compile("big.rego", text).ok());
  text += line;
  EXPECT_EQ(Policy::Compile("big.rego", text).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(PolicyTest, EndlessWorkEndsAtTheTimeLimit) {
  const Policy policy = Compiled(R"(package policy
import rego.v1
allow if {
  some a in numbers.range(1, 100000)
  some b in numbers.range(1, 100000)
  a * b == -1
}
)");
  const auto values = policy.Evaluate(
      {.rules = {"data.policy.allow"}, .input = "{}", .time_limit = std::chrono::milliseconds(100)});
  EXPECT_EQ(values.status().code(), absl::StatusCode::kDeadlineExceeded) << values.status();
}

TEST(PolicyTest, DeepBracketsAreAnErrorNotACrash) {
  const auto nested = [](size_t depth) {
    return StrCat("package policy\n\nallow := ", std::string(depth, '['), std::string(depth, ']'), "\n");
  };
  EXPECT_TRUE(Policy::Compile("deep.rego", nested(16)).ok());
  for (const size_t depth : {17u, 100000u}) {
    const absl::Status status = Policy::Compile("deep.rego", nested(depth)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("deep.rego:3:"));
  }
}

TEST(PolicyTest, BracketsInStringsAndCommentsDoNotNest) {
  const std::string many(200, '[');
  for (const std::string& value : {StrCat("\"", many, "\""), StrCat("\"\\\"", many, "\""),
                                   StrCat("`", many, "\n", many, "`"), StrCat("1 # ", many)}) {
    EXPECT_TRUE(Policy::Compile("text.rego", StrCat("package policy\na := ", value, "\n")).ok()) << value;
  }
}

TEST(PolicyTest, RecursiveRulesAreRefused) {
  const auto policy = Policy::Compile("loop.rego", "package policy\nimport rego.v1\na := b\nb := a\n");
  if (!policy.ok()) return;
  EXPECT_FALSE(policy->Evaluate({.rules = {"data.policy.a"}, .input = "{}"}).ok());
}

TEST(PolicyTest, ConflictingRulesFailWithThePlace) {
  const Policy policy = Compiled("package policy\nimport rego.v1\na := 1 if true\na := 2 if true\n");
  const auto values = policy.Evaluate({.rules = {"data.policy.a"}, .input = "{}"});
  EXPECT_EQ(values.status().code(), absl::StatusCode::kFailedPrecondition) << values.status();
  EXPECT_THAT(std::string(values.status().message()), HasSubstr("test.rego"));
}

TEST(PolicyTest, BadInputIsInvalidArgument) {
  const Policy policy = Compiled(kAllow);
  for (const char* input : {"", "{", "{\"a\":", "\xff"}) {
    EXPECT_EQ(policy.Evaluate({.rules = {"data.policy.allow"}, .input = input}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(PolicyTest, HostFunctionsAreAbsent) {
  for (const char* call : {"http.send({\"method\":\"get\",\"url\":\"http://127.0.0.1\"})", "opa.runtime()"}) {
    const auto policy = Policy::Compile("host.rego", StrCat("package policy\na := ", call, "\n"));
    if (!policy.ok()) continue;
    EXPECT_FALSE(policy->Evaluate({.rules = {"data.policy.a"}, .input = "{}"}).ok()) << call;
  }
}

TEST(PolicyTest, OnePolicyServesManyThreads) {
  const Policy policy = Compiled(kAllow);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&policy, t] {
      for (int i = 0; i < 50; ++i) {
        const bool good = (i + t) % 2 == 0;
        const auto values = policy.Evaluate({.rules = {"data.policy.allow"},
                                             .input = good ? R"({"svn":"1"})" : R"({"svn":"9"})",
                                             .data = R"({"plugin":"resource"})"});
        ASSERT_TRUE(values.ok());
        EXPECT_EQ((*values)[0], good ? "true" : "false");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace cc::policy
