// SPDX-License-Identifier: Apache-2.0
#include "agent/policy/agent_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kata/agent.pb.h"

namespace cc::agent {
namespace {

using ::testing::HasSubstr;

template <typename Request>
absl::Status Check(AgentPolicy& policy, const Request& request) {
  return policy.Check(request.GetTypeName(), request.SerializeAsString());
}

grpc::ExecProcessRequest Exec(const std::string& command) {
  grpc::ExecProcessRequest request;
  request.mutable_process()->add_args(command);
  return request;
}

TEST(AgentPolicyTest, WithoutAPolicyEverythingIsAllowed) {
  AgentPolicy policy;
  EXPECT_TRUE(Check(policy, Exec("sh")).ok());
}

TEST(AgentPolicyTest, WhatNoRuleAllowsIsDenied) {
  AgentPolicy policy;
  ASSERT_TRUE(policy
                  .Set("package agent_policy\n"
                       "default ExecProcessRequest := false\n"
                       "ExecProcessRequest if { input.process.Args[0] == \"date\" }\n"
                       "default StatsContainerRequest := true\n")
                  .ok());
  EXPECT_TRUE(Check(policy, Exec("date")).ok());
  EXPECT_TRUE(Check(policy, grpc::StatsContainerRequest()).ok());
  const absl::Status denied = Check(policy, Exec("sh"));
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(denied.message()), HasSubstr("ExecProcessRequest is blocked by policy"));
  EXPECT_EQ(Check(policy, grpc::CopyFileRequest()).code(), absl::StatusCode::kPermissionDenied);
}

TEST(AgentPolicyTest, FailingRequestsPassWhereThePolicySaysSo) {
  AgentPolicy policy;
  ASSERT_TRUE(policy.Set("package agent_policy\ndefault AllowRequestsFailingPolicy := true\n").ok());
  EXPECT_TRUE(Check(policy, Exec("sh")).ok());
}

// As genpolicy's rules do it for the name of the sandbox.
TEST(AgentPolicyTest, StateIsKeptBetweenRequests) {
  AgentPolicy policy;
  const std::string rego =
      "package agent_policy\n"
      "ExecProcessRequest := {\"allowed\": true, \"ops\": [{\"op\": \"add\", \"path\": \"/used\", \"value\": "
      "true}]} if { not data.pstate.used }\n";
  ASSERT_TRUE(policy.Set(rego).ok());
  EXPECT_TRUE(Check(policy, Exec("once")).ok());
  EXPECT_FALSE(Check(policy, Exec("twice")).ok());
  ASSERT_TRUE(policy.Set(rego).ok());
  EXPECT_TRUE(Check(policy, Exec("a new policy has no past")).ok());
}

TEST(AgentPolicyTest, APatchThatDoesNotApplyDenies) {
  AgentPolicy policy;
  ASSERT_TRUE(policy
                  .Set("package agent_policy\nExecProcessRequest := {\"allowed\": true, \"ops\": [{\"op\": "
                       "\"remove\", \"path\": \"/not/there\"}]} if { true }\n")
                  .ok());
  EXPECT_THAT(std::string(Check(policy, Exec("x")).message()), HasSubstr("could not be evaluated"));
}

TEST(AgentPolicyTest, ABadPolicyChangesNothing) {
  AgentPolicy policy;
  ASSERT_TRUE(policy.Set("package agent_policy\ndefault ExecProcessRequest := true\n").ok());
  EXPECT_EQ(policy.Set("package agent_policy\nExecProcess {").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(policy.Set("package other\ndefault x := 1\n").message()), HasSubstr("data.other"));
  EXPECT_TRUE(Check(policy, Exec("sh")).ok());
  EXPECT_FALSE(Check(policy, grpc::CopyFileRequest()).ok());
}

}  // namespace
}  // namespace cc::agent
