// SPDX-License-Identifier: Apache-2.0
// A pod driven through the sandbox service, as containerd 2.x does, on a fake VM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>

#include "base/file.h"
#include "containerd/sandbox.pb.h"
#include "containerd/task.pb.h"
#include "cri/pod_sandbox.pb.h"
#include "google/protobuf/empty.pb.h"
#include "shim/bundle.h"
#include "shim/pod_fixture.h"

namespace cc::shim {
namespace {

namespace api = containerd::runtime::sandbox::v1;
namespace task = containerd::task::v2;
using ::testing::Contains;
using ::testing::ElementsAre;

class SandboxServiceTest : public PodFixture {
 protected:
  SandboxServiceTest() : PodFixture("p1") {}

  // Requests that hold a sandbox's id only.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const char* method, Request request = {}, const std::string& id = "p1") {
    request.set_sandbox_id(id);
    return client_->Call<Response>("containerd.runtime.sandbox.v1.Sandbox", method, request);
  }
  absl::Status Create(runtime::v1::NamespaceMode network = runtime::v1::POD) {
    runtime::v1::PodSandboxConfig config = Box();
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(network);
    return Create(config);
  }
  static runtime::v1::PodSandboxConfig Box() {
    runtime::v1::PodSandboxConfig config;
    config.set_hostname("box");
    config.mutable_dns_config()->add_servers("10.0.0.1");
    config.mutable_dns_config()->add_searches("a.example");
    config.mutable_dns_config()->add_searches("b.example");
    (*config.mutable_linux()->mutable_sysctls())["kernel.shm_rmid_forced"] = "1";
    return config;
  }
  absl::Status Create(const runtime::v1::PodSandboxConfig& config) {
    ::mkdir(path("p1").c_str(), 0700);
    api::CreateSandboxRequest request;
    request.set_bundle_path(path("p1"));
    request.mutable_options()->set_type_url("runtime.v1.PodSandboxConfig");
    request.mutable_options()->set_value(config.SerializeAsString());
    return Call<api::CreateSandboxResponse>("CreateSandbox", request).status();
  }
  absl::StatusOr<api::StartSandboxResponse> Start() {
    return Call<api::StartSandboxResponse>("StartSandbox", api::StartSandboxRequest());
  }
  std::string State() {
    return Call<api::SandboxStatusResponse>("SandboxStatus", api::SandboxStatusRequest())->state();
  }
  absl::StatusOr<api::WaitSandboxResponse> Wait() {
    return Call<api::WaitSandboxResponse>("WaitSandbox", api::WaitSandboxRequest());
  }
};

TEST_F(SandboxServiceTest, LivesFromStartToStopWithoutAContainer) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(State(), "SANDBOX_NOTREADY");
  EXPECT_FALSE(guest_->vm_running()) << "nothing runs before StartSandbox";
  const auto started = Start();
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_GT(started->pid(), 0u);
  EXPECT_GT(started->created_at().seconds(), 0);
  EXPECT_THAT(guest_->calls(), ElementsAre("CreateSandbox p1"));
  EXPECT_EQ(State(), "SANDBOX_READY");
  EXPECT_TRUE(Call<api::PingResponse>("PingSandbox", api::PingRequest()).ok());
  EXPECT_EQ(Call<api::PlatformResponse>("Platform", api::PlatformRequest())->platform().os(), "linux");
  const auto metrics = Call<api::SandboxMetricsResponse>("SandboxMetrics", api::SandboxMetricsRequest());
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(metrics->metrics().id(), "p1");
  EXPECT_FALSE(metrics->metrics().data().type_url().empty());

  auto waiting = std::async(std::launch::async, [this] { return Wait(); });
  ASSERT_TRUE(Call<api::StopSandboxResponse>("StopSandbox", api::StopSandboxRequest()).ok());
  EXPECT_EQ(waiting.get()->exit_status(), 0u) << "it was asked for";
  EXPECT_EQ(State(), "SANDBOX_NOTREADY");
  EXPECT_FALSE(guest_->vm_running());
  EXPECT_FALSE(Call<api::PingResponse>("PingSandbox", api::PingRequest()).ok());
  ASSERT_TRUE(Call<api::ShutdownSandboxResponse>("ShutdownSandbox", api::ShutdownSandboxRequest()).ok());
  EXPECT_EQ(shutdowns_, 1);
}

TEST_F(SandboxServiceTest, OutlivesItsContainers) {
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(Start().ok());
  ::mkdir(path("c1").c_str(), 0700);
  ASSERT_TRUE(WriteFileAtomic(path("c1") + "/config.json",
                              R"({"process":{"args":["x"],"cwd":"/"},"annotations":{
                                  "io.kubernetes.cri.image-name":"r/i",
                                  "io.kubernetes.cri.container-type":"container",
                                  "io.kubernetes.cri.sandbox-id":"p1"}})")
                  .ok());
  task::CreateTaskRequest create;
  create.set_id("c1");
  create.set_bundle(path("c1"));
  const auto call = [&](const char* method, const auto& request) {
    return client_->Call<google::protobuf::Empty>("containerd.task.v3.Task", method, request).status();
  };
  ASSERT_TRUE(call("Create", create).ok());
  task::DeleteRequest remove;
  remove.set_id("c1");
  ASSERT_TRUE(call("Delete", remove).ok());
  EXPECT_TRUE(guest_->vm_running());
  EXPECT_THAT(guest_->calls(), Contains("RemoveContainer c1"));
  guest_->AwaitFile("resolv.conf", "nameserver 10.0.0.1\nsearch a.example b.example\n");
  guest_->AwaitFile("hostname", "box\n");
  ASSERT_TRUE(call("Shutdown", task::ShutdownRequest()).ok());
  EXPECT_EQ(shutdowns_, 0) << "the sandbox is still to serve";
}

TEST_F(SandboxServiceTest, DeathOfTheVmIsTold) {
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(Start().ok());
  guest_->KillVm("qemu was killed by signal 9");
  EXPECT_EQ(Wait()->exit_status(), 137u);
  EXPECT_EQ(State(), "SANDBOX_NOTREADY");
  EXPECT_EQ(Start().status().code(), absl::StatusCode::kUnavailable) << "there is no second life";
}

TEST_F(SandboxServiceTest, TheHostsNetworkIsRefused) {
  const absl::Status status = Create(runtime::v1::NODE);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), ::testing::HasSubstr("hostNetwork"));
  EXPECT_EQ(Start().status().code(), absl::StatusCode::kNotFound);
  // containerd ends the shim of a sandbox that it could not create so, and in no other way.
  ASSERT_TRUE(Call<api::ShutdownSandboxResponse>("ShutdownSandbox", api::ShutdownSandboxRequest()).ok());
  EXPECT_EQ(shutdowns_, 1);
}

TEST_F(SandboxServiceTest, TheVmHasTheSizeOfThePodsLimits) {
  runtime::v1::PodSandboxConfig config = Box();
  // Only containerd may say so.
  (*config.mutable_annotations())["io.kubernetes.cri.sandbox-memory"] = "99999999999";
  config.mutable_linux()->mutable_resources()->set_cpu_period(100000);
  config.mutable_linux()->mutable_resources()->set_cpu_quota(150000);
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(1 << 30);
  ASSERT_TRUE(Create(config).ok());
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(guest_->vcpus(), 2u);
  EXPECT_EQ(guest_->memory_mib(), 1024 + Config{}.vmm.overhead_memory_mib);
}

TEST_F(SandboxServiceTest, PodsDoNotSizeTheirVmInContainerdsName) {
  runtime::v1::PodSandboxConfig config = Box();
  (*config.mutable_annotations())["io.kubernetes.cri.sandbox-memory"] = "99999999999";
  ASSERT_TRUE(Create(config).ok());
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(guest_->memory_mib(), Config{}.vmm.memory_mib);
}

TEST_F(SandboxServiceTest, PlatformIsTheGuests) {
  Configure("arch = \"aarch64\"");
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Call<api::PlatformResponse>("Platform", api::PlatformRequest())->platform().architecture(),
            "arm64");
}

TEST_F(SandboxServiceTest, ASecondStartChangesNothing) {
  ASSERT_TRUE(Create().ok());
  const auto first = Start();
  const auto second = Start();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
}

TEST_F(SandboxServiceTest, PingAsksTheGuest) {
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(Start().ok());
  guest_->Hang();
  EXPECT_FALSE(Call<api::PingResponse>("PingSandbox", api::PingRequest()).ok());
}

TEST_F(SandboxServiceTest, WrongOrderAndForeignIdsAreRefused) {
  EXPECT_EQ(Start().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((Call<api::CreateSandboxResponse>("CreateSandbox", api::CreateSandboxRequest(), "other"))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  api::CreateSandboxRequest garbage;
  garbage.mutable_options()->set_value("\xff\xff\xff");
  EXPECT_EQ(Call<api::CreateSandboxResponse>("CreateSandbox", garbage).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Create().ok());
  runtime::v1::PodSandboxConfig other = Box();
  other.set_hostname("other");
  EXPECT_EQ(Create(other).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(path("p1/hostname")), "box\n") << "what was refused changed something";
  EXPECT_EQ((Call<api::PingResponse>("PingSandbox", api::PingRequest(), "other")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(SandboxServiceTest, SandboxThatCannotStartSaysWhy) {
  guest_->vm_error = absl::NotFoundError("kernel /k is missing");
  ASSERT_TRUE(Create().ok());
  EXPECT_THAT(Start().status().ToString(), ::testing::HasSubstr("kernel /k is missing"));
  EXPECT_EQ(State(), "SANDBOX_NOTREADY");
}

}  // namespace
}  // namespace cc::shim
