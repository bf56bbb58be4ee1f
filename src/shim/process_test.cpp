// SPDX-License-Identifier: Apache-2.0
#include "shim/process.h"

#include <gtest/gtest.h>

#include <future>

#include "shim/fake_call.h"

namespace cc::shim {
namespace {

std::shared_ptr<Process> Make() {
  return std::make_shared<Process>("", StdioPaths{}, std::make_unique<StreamPump>(std::make_unique<Stdio>()));
}

TEST(ProcessTest, RunsThroughItsStates) {
  const auto process = Make();
  EXPECT_EQ(process->status().state, ProcessState::kCreated);
  ASSERT_TRUE(process->BeginStart().ok());
  EXPECT_EQ(process->BeginStart().code(), absl::StatusCode::kFailedPrecondition) << "started twice";
  process->EndStart();
  EXPECT_EQ(process->status().state, ProcessState::kRunning);
  EXPECT_TRUE(process->SetExited(7));
  EXPECT_FALSE(process->SetExited(9)) << "the first exit counts";
  EXPECT_EQ(process->status().exit.status, 7u);
  EXPECT_EQ(process->BeginStart().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ProcessTest, FailedStartStaysStopped) {
  const auto process = Make();
  ASSERT_TRUE(process->BeginStart().ok());
  process->SetExited(255);
  process->EndStart();
  EXPECT_EQ(process->status().state, ProcessState::kStopped);
}

TEST(ProcessTest, AbandonedBeforeItsStartItCannotStart) {
  const auto process = Make();
  process->Abandon();
  EXPECT_FALSE(process->WaitStartedOrAbandoned());
  EXPECT_EQ(process->BeginStart().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ProcessTest, AbandonDoesNotTouchARunningOne) {
  const auto process = Make();
  ASSERT_TRUE(process->BeginStart().ok());
  process->EndStart();
  process->Abandon();
  EXPECT_TRUE(process->WaitStartedOrAbandoned());
  EXPECT_EQ(process->status().state, ProcessState::kRunning);
}

TEST(ProcessTest, WaitReturnsTheExitToEverybody) {
  const auto process = Make();
  FakeCall call;
  const auto wait = [&] { return process->WaitExit(call); };
  auto first = std::async(std::launch::async, wait);
  auto second = std::async(std::launch::async, wait);
  process->SetExited(3);
  EXPECT_EQ(first.get()->status, 3u);
  EXPECT_EQ(second.get()->status, 3u);
  EXPECT_EQ(process->WaitExit(call)->status, 3u) << "also later";
}

TEST(ProcessTest, WaitEndsWithItsCaller) {
  const auto process = Make();
  FakeCall call;
  auto waiting = std::async(std::launch::async, [&] { return process->WaitExit(call); });
  call.Cancel();
  EXPECT_EQ(waiting.get().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace cc::shim
