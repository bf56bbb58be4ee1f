// SPDX-License-Identifier: Apache-2.0
// A pod driven through the sandbox service, as containerd 2.x does, on a fake VM.
#include "shim/sandbox_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>

#include "base/file.h"
#include "base/socket.h"
#include "containerd/sandbox.pb.h"
#include "containerd/task.pb.h"
#include "cri/pod_sandbox.pb.h"
#include "google/protobuf/empty.pb.h"
#include "shim/fake_guest.h"
#include "shim/service.h"
#include "ttrpc/client.h"

namespace cc::shim {
namespace {

namespace api = containerd::runtime::sandbox::v1;
namespace task = containerd::task::v2;
using ::testing::Contains;
using ::testing::ElementsAre;

class SandboxServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-sandbox");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    ASSERT_TRUE(WriteFileAtomic(path("config.toml"),
                                "state_dir = \"" + path("state") + "\"\n[vmm]\nbackend = \"fake\"\n")
                    .ok());
    guest_->AddTo(backends_);
    events_ = std::make_shared<EventPublisher>(
        "ns", [](const containerd::types::Envelope&) { return absl::OkStatus(); });
    pod_ = std::make_shared<Pod>(PodOptions{.daemon = {.namespace_name = "ns", .id = "p1"},
                                            .config_environment = path("config.toml"),
                                            .backends = &backends_,
                                            .events = events_,
                                            .started = std::chrono::steady_clock::now(),
                                            .on_abandoned = nullptr});
    RegisterTaskService(server_, pod_, [this] { ++shutdowns_; });
    RegisterSandboxService(server_, pod_, [this] { ++shutdowns_; });
    auto pair = SocketPair();
    ASSERT_TRUE(pair.ok());
    client_ = std::make_unique<ttrpc::Client>(std::move(pair->first));
    absl::StatusOr<Thread> serving = Thread::Start(
        "serve", [this, fd = std::move(pair->second)]() mutable { server_.ServeConnection(std::move(fd)); });
    ASSERT_TRUE(serving.ok());
    serving_ = std::move(*serving);
    if (::geteuid() != 0) GTEST_SKIP() << "a sandbox's network namespace needs root";
  }
  void TearDown() override {
    pod_->Stop();
    client_->Close();
    server_.Shutdown();
    serving_.Join();
    events_->Close();
  }

  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }

  // Requests that hold a sandbox's id only.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const char* method, Request request = {}, const std::string& id = "p1") {
    request.set_sandbox_id(id);
    return client_->Call<Response>("containerd.runtime.sandbox.v1.Sandbox", method, request);
  }
  absl::Status Create(runtime::v1::NamespaceMode network = runtime::v1::POD) {
    ::mkdir(path("p1").c_str(), 0700);
    runtime::v1::PodSandboxConfig config;
    config.set_hostname("box");
    config.mutable_dns_config()->add_servers("10.0.0.1");
    config.mutable_dns_config()->add_searches("a.example");
    config.mutable_dns_config()->add_searches("b.example");
    (*config.mutable_linux()->mutable_sysctls())["kernel.shm_rmid_forced"] = "1";
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(network);
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

  std::unique_ptr<TempDir> dir_;
  const std::shared_ptr<FakeGuest> guest_ = std::make_shared<FakeGuest>();
  vmm::Registry backends_;
  std::atomic<int> shutdowns_ = 0;
  std::shared_ptr<EventPublisher> events_;
  std::shared_ptr<Pod> pod_;
  ttrpc::Server server_;
  std::unique_ptr<ttrpc::Client> client_;
  Thread serving_;
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
  EXPECT_EQ(Create().code(), absl::StatusCode::kAlreadyExists);
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
