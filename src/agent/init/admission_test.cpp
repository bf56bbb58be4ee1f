// SPDX-License-Identifier: Apache-2.0
#include "agent/init/admission.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using initdata::Binding;

// A policy that allows nothing: its absence is seen by any request.
InitDataFiles WithPolicy() {
  return {.data_hub_arguments = {"--initdata_toml", "/x"}, .policy = "package agent_policy\n"};
}

bool Allows(AgentPolicy& policy) { return policy.Check("DestroySandboxRequest", "").ok(); }

TEST(Admit, TakesThePolicyOfBoundInitDataInARealm) {
  AgentPolicy policy;
  EXPECT_TRUE(Admit(
                  WithPolicy(), true, [] { return Binding::kBound; }, policy)
                  .ok());
  EXPECT_FALSE(Allows(policy));
}

TEST(Admit, TakesNothingOfInitDataThatWasRefused) {
  AgentPolicy policy;
  const absl::Status status = Admit(
      WithPolicy(), true, [] { return absl::PermissionDeniedError("not announced"); }, policy);
  EXPECT_EQ(status, absl::PermissionDeniedError("not announced"));
  EXPECT_TRUE(Allows(policy));
}

TEST(Admit, RefusesInitDataInARealmWithoutReports) {
  AgentPolicy policy;
  const absl::Status status = Admit(
      WithPolicy(), true, [] { return Binding::kNoTee; }, policy);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Allows(policy));
}

TEST(Admit, AsksNobodyWhereNothingCouldVouch) {
  const auto ask = []() -> absl::StatusOr<Binding> {
    ADD_FAILURE() << "asked";
    return absl::InternalError("asked");
  };
  AgentPolicy policy;
  EXPECT_TRUE(Admit({}, true, ask, policy).ok());
  EXPECT_TRUE(Admit({}, false, ask, policy).ok());
  EXPECT_TRUE(Allows(policy));
  EXPECT_TRUE(Admit(WithPolicy(), false, ask, policy).ok());
  EXPECT_FALSE(Allows(policy));
}

TEST(Admit, FailsForAPolicyThatDoesNotCompile) {
  AgentPolicy policy;
  InitDataFiles files = WithPolicy();
  files.policy = "package agent_policy\nExec {";
  EXPECT_FALSE(Admit(
                   files, true, [] { return Binding::kBound; }, policy)
                   .ok());
}

}  // namespace
}  // namespace cc::agent
