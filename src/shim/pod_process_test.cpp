// SPDX-License-Identifier: Apache-2.0
// Processes of a container: start, exec, signals, pause, statistics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "shim/pod_fixture.h"

namespace cc::shim {
namespace {

namespace api = containerd::task::v2;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

using PodProcessTest = TaskFixture;

TEST_F(PodProcessTest, ExecsHaveALifeOfTheirOwn) {
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_EQ(Exec("c1", "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Exec("c1", "e1", "{}").code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Exec("c1", "e1").ok());
  EXPECT_EQ(Exec("c1", "e1").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Start("c1", "e1").code(), kPrecondition) << "the container does not run yet";
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Start("c1", "e1").ok());
  EXPECT_THAT(guest_->calls(), Contains("ExecProcess e1 p"));
  EXPECT_EQ(Delete("c1", "e1").status().code(), kPrecondition);
  ASSERT_TRUE(Kill("c1", 15, "e1").ok());
  EXPECT_EQ(Wait("c1", "e1")->exit_status(), 143u);
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::RUNNING);
  EXPECT_EQ(Delete("c1", "e1")->exit_status(), 143u);
  EXPECT_EQ(State("c1", "e1").status().code(), kNotFound);
  AwaitTopic("/tasks/exec-added");
  AwaitTopic("/tasks/exec-started");
}

TEST_F(PodProcessTest, FailedStartSaysWhyAndCanBeDeleted) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  guest_->start_error = absl::NotFoundError("no such program: /no/such");
  ASSERT_TRUE(Exec("c1", "e1").ok());
  const absl::Status status = Start("c1", "e1");
  EXPECT_EQ(status.code(), kNotFound);
  EXPECT_THAT(status.ToString(), HasSubstr("/no/such"));
  EXPECT_TRUE(Delete("c1", "e1").ok());
  EXPECT_THAT(topics(), Not(Contains("/tasks/exec-started")));
}

TEST_F(PodProcessTest, KillOfAllNamesNoProcess) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Kill("c1", 9, "", true).ok());
  EXPECT_EQ(Wait("c1")->exit_status(), 137u);
  EXPECT_THAT(guest_->calls(), Contains("SignalProcess  9"));
}

// containerd leaves "all" out of what it sends for execs; other callers may not.
TEST_F(PodProcessTest, KillOfAllOfAnExecIsOfThatExec) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Exec("c1", "e1").ok());
  ASSERT_TRUE(Start("c1", "e1").ok());
  ASSERT_TRUE(Kill("c1", 9, "e1", true).ok());
  EXPECT_EQ(Wait("c1", "e1")->exit_status(), 137u);
  EXPECT_THAT(guest_->calls(), Contains("SignalProcess e1 9"));
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::RUNNING);
}

TEST_F(PodProcessTest, ASignalWaitsForTheStartOfItsExec) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Exec("c1", "e1").ok());
  guest_->HoldPull("e1");
  auto starting = std::async(std::launch::async, [&] { return Start("c1", "e1"); });
  guest_->AwaitPull("e1");
  auto killing = std::async(std::launch::async, [&] { return Kill("c1", 15, "e1"); });
  EXPECT_EQ(killing.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  EXPECT_THAT(guest_->calls(), Not(Contains(HasSubstr("SignalProcess")))) << "the guest does not know it yet";
  guest_->FinishPull("e1");
  ASSERT_TRUE(starting.get().ok());
  ASSERT_TRUE(killing.get().ok());
  EXPECT_EQ(Wait("c1", "e1")->exit_status(), 143u);
}

TEST_F(PodProcessTest, NothingIsExecutedInAPausedOrStoppedContainer) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Exec("c1", "e1").ok());
  ASSERT_TRUE(Pause("c1").ok());
  EXPECT_EQ(Exec("c1", "e2").code(), kPrecondition);
  EXPECT_EQ(Start("c1", "e1").code(), kPrecondition);
  ASSERT_TRUE(Resume("c1").ok());
  EXPECT_TRUE(Start("c1", "e1").ok()) << "the refusal was no start";
  ASSERT_TRUE(Pause("c1").ok());
  guest_->Exit("e1", 0);
  guest_->Exit("c1", 0);
  ASSERT_TRUE(Wait("c1").ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::STOPPED) << "paused or not";
  EXPECT_EQ(Exec("c1", "e2").code(), kPrecondition);
  EXPECT_EQ(Resume("c1").code(), kPrecondition);
}

TEST_F(PodProcessTest, ATerminalIsResizedWhileItsProcessLives) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  api::ResizePtyRequest resize;
  resize.set_id("c1");
  EXPECT_EQ(Call("ResizePty", resize).status().code(), kPrecondition) << "no terminal";
  auto exec = Of<api::ExecProcessRequest>("c1", "e1");
  exec.set_terminal(true);
  exec.mutable_spec()->set_value(R"({"args":["p"]})");
  ASSERT_TRUE(Call("Exec", exec).ok());
  ASSERT_TRUE(Start("c1", "e1").ok());
  resize.set_exec_id("e1");
  resize.set_width(80);
  resize.set_height(24);
  EXPECT_TRUE(Call("ResizePty", resize).ok());
  EXPECT_THAT(guest_->calls(), Contains("TtyWinResize e1 80x24"));
  guest_->Exit("e1", 0);
  ASSERT_TRUE(Wait("c1", "e1").ok());
  EXPECT_EQ(Call("ResizePty", resize).status().code(), kPrecondition) << "it has ended";
}

TEST_F(PodProcessTest, PauseResumeUpdateAndStats) {
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_EQ(Pause("c1").code(), kPrecondition) << "not running";
  ASSERT_TRUE(Start("c1").ok());
  EXPECT_EQ(Resume("c1").code(), kPrecondition) << "not paused";
  ASSERT_TRUE(Pause("c1").ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::PAUSED);
  EXPECT_EQ(Pause("c1").code(), kPrecondition) << "paused";
  ASSERT_TRUE(Resume("c1").ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::RUNNING);
  api::UpdateTaskRequest update;
  update.set_id("c1");
  update.mutable_resources()->set_value(R"({"memory":{"limit":77},"pids":{"limit":9}})");
  ASSERT_TRUE(Call("Update", update).ok());
  EXPECT_THAT(guest_->calls(), Contains("UpdateContainer 77 9"));
  api::StatsRequest stats;
  stats.set_id("c1");
  absl::StatusOr<api::StatsResponse> answer = Call<api::StatsResponse>("Stats", stats);
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->stats().type_url(), HasSubstr("io.containerd.cgroups.v"));
  AwaitTopic("/tasks/resumed");
  EXPECT_THAT(topics(), Contains("/tasks/paused"));
}

TEST_F(PodProcessTest, OomOfTheGuestBecomesAnEvent) {
  ASSERT_TRUE(Create("c1").ok());
  guest_->ReportOom("c1");
  AwaitTopic("/tasks/oom");
}

}  // namespace
}  // namespace cc::shim
