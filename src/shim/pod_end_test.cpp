// SPDX-License-Identifier: Apache-2.0
// What ends a pod unasked, and what its containers and callers then see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "shim/pod_fixture.h"

namespace cc::shim {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kNotFound = absl::StatusCode::kNotFound;

using PodEndTest = TaskFixture;

TEST_F(PodEndTest, AgentThatNeverAnswersEndsTheVm) {
  guest_->answers = false;
  const absl::Status status = Create("c1");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("boot_timeout_s"));
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodEndTest, ContainerdsDeathDuringThePullEndsThePod) {
  guest_->HoldPull("c1");
  auto creating = std::async(std::launch::async, [&] { return Create("c1"); });
  guest_->AwaitPull("c1");
  client_->Close();
  EXPECT_FALSE(creating.get().ok());
  abandoned_.get_future().wait();
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodEndTest, VmDeathDuringThePullIsNamed) {
  guest_->HoldPull("c1");
  auto creating = std::async(std::launch::async, [&] { return Create("c1"); });
  guest_->AwaitPull("c1");
  guest_->KillVm("qemu was killed by signal 9");
  const absl::Status status = creating.get();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(PodEndTest, VmDeathStopsEverythingWith137) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Exec("c1", "e1").ok());
  ASSERT_TRUE(Start("c1", "e1").ok());
  ASSERT_TRUE(Exec("c1", "e2").ok());
  auto waiting = std::async(std::launch::async, [&] { return Wait("c1"); });
  auto never = std::async(std::launch::async, [&] { return Wait("c1", "e2"); });
  guest_->KillVm("qemu was killed by signal 9");
  EXPECT_EQ(waiting.get()->exit_status(), 137u);
  EXPECT_EQ(Wait("c1", "e1")->exit_status(), 137u);
  EXPECT_EQ(Wait("c2")->exit_status(), 137u) << "one that was never started";
  EXPECT_EQ(never.get()->exit_status(), 137u) << "nor this";
  EXPECT_EQ(Delete("c2")->exit_status(), 137u);
  EXPECT_EQ(Delete("c1")->exit_status(), 137u);
}

TEST_F(PodEndTest, ADeadPodsSandboxIsForgottenWithoutTheShimOfTheOthers) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c2").ok());
  ASSERT_TRUE(SandboxRecord::Load(path("c1")).ok());
  guest_->KillVm("qemu was killed by signal 9");
  ASSERT_TRUE(Wait("c1").ok());
  ASSERT_TRUE(Delete("c1").ok());
  EXPECT_EQ(SandboxRecord::Load(path("c1")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Wait("c2")->exit_status(), 137u);
  EXPECT_EQ(Delete("c2")->exit_status(), 137u);
}

TEST_F(PodEndTest, AgentThatFallsSilentEndsThePod) {
  Configure("agent_timeout_s = 1");
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  guest_->Hang();
  EXPECT_EQ(Wait("c1")->exit_status(), 137u);
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodEndTest, ForcedKillOfASilentGuestEndsThePod) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c2").ok());
  guest_->Hang();
  ASSERT_TRUE(Kill("c2", 9).ok());
  EXPECT_EQ(Wait("c2")->exit_status(), 137u);
  EXPECT_EQ(Kill("c2", 9).code(), kNotFound);
  EXPECT_TRUE(Delete("c2").ok());
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodEndTest, ForcedKillOfABusyGuestEndsTheContainerOnly) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c2").ok());
  guest_->IgnoreNextSignal();
  ASSERT_TRUE(Kill("c2", 9).ok());
  EXPECT_EQ(Wait("c2")->exit_status(), 137u);
  EXPECT_TRUE(guest_->vm_running());
}

TEST_F(PodEndTest, ForcedKillOfThePodsOwnContainerAsksNothingOfTheGuest) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c2").ok());
  guest_->Hang();
  ASSERT_TRUE(Kill("c1", 9).ok());
  EXPECT_EQ(Wait("c1")->exit_status(), 137u);
  EXPECT_EQ(Wait("c2")->exit_status(), 137u);
  EXPECT_FALSE(guest_->vm_running());
  const std::vector<std::string> calls = guest_->calls();
  EXPECT_THAT(calls, Not(Contains(HasSubstr("SignalProcess"))));
}

}  // namespace
}  // namespace cc::shim
