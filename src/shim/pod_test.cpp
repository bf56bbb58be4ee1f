// SPDX-License-Identifier: Apache-2.0
// The life of containers in a pod, through its task service.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include "base/file.h"
#include "containerd/events.pb.h"
#include "shim/pod_fixture.h"

namespace cc::shim {
namespace {

namespace api = containerd::task::v2;
using google::protobuf::Empty;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kCancelled = absl::StatusCode::kCancelled;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

using PodTest = TaskFixture;

TEST_F(PodTest, RunsAContainerToItsEnd) {
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::CREATED);
  ASSERT_TRUE(Start("c1").ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::RUNNING);
  EXPECT_EQ(Delete("c1").status().code(), kPrecondition) << "it runs";
  EXPECT_EQ(Start("c1").code(), kPrecondition) << "twice";
  guest_->Print("c1", "output");
  guest_->Exit("c1", 7);
  EXPECT_EQ(Wait("c1")->exit_status(), 7u);
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::STOPPED);
  EXPECT_EQ(Kill("c1", 15).code(), kNotFound);
  absl::StatusOr<api::DeleteResponse> deleted = Delete("c1");
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->exit_status(), 7u);
  EXPECT_GT(deleted->exited_at().seconds(), 0);
  EXPECT_FALSE(guest_->vm_running()) << "the VM ends with its last container";
  EXPECT_EQ(State("c1").status().code(), kNotFound);
  AwaitTopic("/tasks/delete");
  EXPECT_THAT(topics(), ElementsAre("/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"));
  EXPECT_THAT(guest_->calls(),
              ElementsAre("CreateSandbox c1", "CreateContainer c1 r/i", "StartContainer c1"));
  ASSERT_TRUE(Call("Shutdown", api::ShutdownRequest()).ok());
  EXPECT_EQ(shutdowns_, 1);
}

TEST_F(PodTest, BothVersionsOfTheServiceAnswer) {
  for (const char* service : {"containerd.task.v2.Task", "containerd.task.v3.Task"}) {
    absl::StatusOr<api::ConnectResponse> answer =
        client_->Call<api::ConnectResponse>(service, "Connect", api::ConnectRequest());
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->shim_pid(), static_cast<uint32_t>(::getpid()));
    EXPECT_EQ(client_->Call<Empty>(service, "Checkpoint", api::CheckpointTaskRequest()).status().code(),
              absl::StatusCode::kUnimplemented);
  }
}

TEST_F(PodTest, UnknownContainersAreNotFoundEverywhere) {
  EXPECT_EQ(Start("x").code(), kNotFound);
  EXPECT_EQ(Delete("x").status().code(), kNotFound);
  EXPECT_EQ(Wait("x").status().code(), kNotFound);
  EXPECT_EQ(Kill("x", 9).code(), kNotFound);
  EXPECT_EQ(Exec("x", "e").code(), kNotFound);
  api::PidsRequest pids;
  pids.set_id("x");
  EXPECT_EQ(Call<api::PidsResponse>("Pids", pids).status().code(), kNotFound);
}

TEST_F(PodTest, BadIdsAndBundlesAreRefused) {
  for (const char* id : {"", "..", "a/b", "-x", "a b"}) {
    api::CreateTaskRequest request;
    request.set_id(id);
    EXPECT_EQ(Call<api::CreateTaskResponse>("Create", request).status().code(),
              absl::StatusCode::kInvalidArgument)
        << id;
  }
  api::CreateTaskRequest request;
  request.set_id("c1");
  request.set_bundle("/nonexistent");
  EXPECT_EQ(Call<api::CreateTaskResponse>("Create", request).status().code(), kNotFound);
}

TEST_F(PodTest, ErrorsOfConfigurationVmAndGuestReachTheCaller) {
  guest_->vm_error = absl::NotFoundError("kernel /k is missing");
  EXPECT_THAT(Create("c1").ToString(), HasSubstr("kernel /k is missing"));
  guest_->vm_error = absl::OkStatus();
  guest_->create_error = absl::PermissionDeniedError("blocked by policy");
  const absl::Status status = Create("c1");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("blocked by policy"));
  EXPECT_FALSE(guest_->vm_running());
  ASSERT_TRUE(WriteFileAtomic(path("config.toml"), "nonsense = 1").ok());
  EXPECT_THAT(Create("c1").ToString(), HasSubstr("nonsense"));
}

TEST_F(PodTest, OnePullDoesNotDelayTheRestOfThePod) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  EXPECT_THAT(guest_->calls(), Contains("CreateContainer c1 pause"));
  ASSERT_TRUE(Start("c1").ok());
  guest_->HoldPull("c2");
  auto creating = std::async(std::launch::async, [&] { return CreateMember("c2"); });
  guest_->AwaitPull("c2");
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::RUNNING);
  ASSERT_TRUE(CreateMember("c3").ok()) << "two pulls at a time";
  ASSERT_TRUE(Kill("c2", 9).ok());
  EXPECT_EQ(creating.get().code(), kCancelled);
  EXPECT_TRUE(guest_->vm_running()) << "others still need it";
  guest_->AwaitCall("RemoveContainer c2");  // which ends the pull
}

TEST_F(PodTest, KillDuringThePullEndsCreateAtOnce) {
  guest_->HoldPull("c1");
  auto creating = std::async(std::launch::async, [&] { return Create("c1"); });
  guest_->AwaitPull("c1");
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::UNKNOWN) << "and does not wait";
  EXPECT_EQ(Start("c1").code(), kPrecondition);
  EXPECT_EQ(Create("c1").code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(Kill("c1", 9).ok());
  const absl::Status status = creating.get();
  EXPECT_EQ(status.code(), kCancelled);
  EXPECT_THAT(status.ToString(), HasSubstr("killed"));
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodTest, DeleteDuringThePullEndsCreateAtOnce) {
  guest_->HoldPull("c1");
  auto creating = std::async(std::launch::async, [&] { return Create("c1"); });
  guest_->AwaitPull("c1");
  const absl::StatusOr<api::DeleteResponse> deleted = Delete("c1");
  EXPECT_EQ(deleted->exit_status(), 137u);
  EXPECT_GT(deleted->exited_at().seconds(), 0);
  EXPECT_EQ(creating.get().code(), kCancelled);
}

TEST_F(PodTest, DeleteOfOneMemberLeavesTheOthers) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c2").ok());
  guest_->Exit("c2", 0);
  ASSERT_TRUE(Wait("c2").ok());
  ASSERT_TRUE(Delete("c2").ok());
  EXPECT_THAT(guest_->calls(), Contains("RemoveContainer c2"));
  EXPECT_TRUE(guest_->vm_running());
  ASSERT_TRUE(Call("Shutdown", api::ShutdownRequest()).ok());
  EXPECT_EQ(shutdowns_, 0) << "a container is left";
}

TEST_F(PodTest, ContainerKilledBeforeItsStartExits) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Kill("c1", 9).ok());
  EXPECT_EQ(Wait("c1")->exit_status(), 137u);
  EXPECT_EQ(Start("c1").code(), kPrecondition);
  EXPECT_TRUE(Delete("c1").ok());
}

TEST_F(PodTest, ContainerCanBeDeletedBeforeItsStart) {
  ASSERT_TRUE(Create("c1").ok());
  absl::StatusOr<api::DeleteResponse> deleted = Delete("c1");
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->exit_status(), 137u);
  AwaitTopic("/tasks/delete");
  ASSERT_THAT(topics(), ElementsAre("/tasks/create", "/tasks/exit", "/tasks/delete"));
  containerd::events::TaskDelete event;
  ASSERT_TRUE(event.ParseFromString(events()[2].event().value()));
  EXPECT_EQ(event.pid(), static_cast<uint32_t>(::getpid())) << "the VM's";
  EXPECT_EQ(event.exit_status(), 137u);
}

TEST_F(PodTest, AMemberWithoutItsSandboxMakesNoVm) {
  EXPECT_EQ(CreateMember("c2").code(), kPrecondition);
  const absl::Status foreign = Create(
      "c3", R"(,"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"other")");
  EXPECT_EQ(foreign.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(foreign.ToString(), HasSubstr("other"));
  EXPECT_THAT(guest_->calls(), ElementsAre());
}

}  // namespace
}  // namespace cc::shim
