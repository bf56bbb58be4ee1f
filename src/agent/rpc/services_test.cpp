// SPDX-License-Identifier: Apache-2.0
// The service over a real socket: what it refuses, and that a refusal changes nothing. Containers that run
// are tested inside a guest (guest_test/).
#include "agent/rpc/services.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "agent_proto/agent_client.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using enum absl::StatusCode;

class ServicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(*TempDir::Create("/tmp/cc-agent-"));
    base_ = dir_->path() + "/base";
    SandboxConfig config{.base = base_,
                         .crun = "/bin/false",
                         .pause = "/bin/true",
                         .data_hub = dir_->path() + "/hub.sock",
                         .cgroup_root = dir_->path() + "/cgroup"};
    sandbox_ = *Sandbox::Create(config, &reaper_);
    server_.SetInterceptor([this](const ttrpc::Server::Invocation& i) { return AllowedBy(policy_, i); });
    RegisterServices(&server_, sandbox_.get(), &policy_);
    auto pair = *SocketPair();
    serving_ =
        std::thread([this, fd = std::move(pair.first)]() mutable { server_.ServeConnection(std::move(fd)); });
    client_.emplace(std::move(pair.second));
  }
  void TearDown() override {
    client_->Close();
    server_.Shutdown();
    serving_.join();
  }
  grpc::CreateContainerRequest Valid() const {
    grpc::CreateContainerRequest in;
    in.set_container_id("c1");
    grpc::Storage* storage = in.add_storages();
    storage->set_driver("image_guest_pull");
    storage->set_source("pause");
    in.mutable_oci()->mutable_process()->add_args("sh");
    return in;
  }
  std::vector<std::string> Entries() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(base_))
      out.push_back(entry.path().filename());
    return out;
  }

  std::optional<TempDir> dir_;
  std::string base_;
  Reaper reaper_;
  std::unique_ptr<Sandbox> sandbox_;
  AgentPolicy policy_;
  ttrpc::Server server_;
  std::thread serving_;
  std::optional<agent_proto::AgentClient> client_;
};

TEST_F(ServicesTest, IsHealthy) {
  EXPECT_EQ(client_->Check({})->status(), grpc::HealthCheckResponse::SERVING);
  EXPECT_EQ(client_->Version({})->agent_version(), CC_VERSION);
}

TEST_F(ServicesTest, RefusesBadCreations) {
  struct Case {
    const char* name;
    std::function<void(grpc::CreateContainerRequest&)> change;
    absl::StatusCode want;
  };
  using In = grpc::CreateContainerRequest;
  const std::vector<Case> cases = {
      {"empty id", [](In& in) { in.set_container_id(""); }, kInvalidArgument},
      {"id with slash", [](In& in) { in.set_container_id("../c1"); }, kInvalidArgument},
      {"id of the agent's directory", [](In& in) { in.set_container_id(".agent"); }, kInvalidArgument},
      {"id of the shared directory", [](In& in) { in.set_container_id("shared"); }, kInvalidArgument},
      {"id of the image store", [](In& in) { in.set_container_id("image"); }, kInvalidArgument},
      {"no specification", [](In& in) { in.clear_oci(); }, kInvalidArgument},
      {"no process", [](In& in) { in.mutable_oci()->clear_process(); }, kInvalidArgument},
      {"hooks", [](In& in) { in.mutable_oci()->mutable_hooks()->add_poststart()->set_path("/x"); },
       kPermissionDenied},
      {"host device", [](In& in) { in.add_devices()->set_type("blk"); }, kUnimplemented},
      {"shared mount", [](In& in) { in.add_shared_mounts(); }, kUnimplemented},
      {"descriptor passing", [](In& in) { in.set_stdout_port(5); }, kUnimplemented},
      {"virtio-fs", [](In& in) { in.add_storages()->set_driver("virtio-fs"); }, kUnimplemented},
      {"two images", [](In& in) { *in.add_storages() = in.storages(0); }, kInvalidArgument},
      {"no reference", [](In& in) { in.mutable_storages(0)->set_source(""); }, kInvalidArgument},
      {"no root", [](In& in) { in.clear_storages(); }, kInvalidArgument},
      {"bind of /",
       [](In& in) {
         grpc::Mount* mount = in.mutable_oci()->add_mounts();
         mount->set_destination("/x");
         mount->set_source("/");
         mount->set_type("bind");
       },
       kPermissionDenied},
  };
  const std::vector<std::string> before = Entries();
  for (const Case& c : cases) {
    grpc::CreateContainerRequest in = Valid();
    c.change(in);
    EXPECT_EQ(client_->CreateContainer(in).status().code(), c.want) << c.name;
  }
  EXPECT_EQ(Entries(), before);
  EXPECT_TRUE(sandbox_->Containers().empty());
}

TEST_F(ServicesTest, UndoesACreationThatFails) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const std::vector<std::string> before = Entries();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client_->CreateContainer(Valid()).status().code(), kFailedPrecondition);
    EXPECT_EQ(Entries(), before);
    EXPECT_TRUE(sandbox_->Containers().empty());
  }
}

TEST_F(ServicesTest, EndsACreationWhosePullWaits) {
  grpc::CreateContainerRequest in = Valid();
  in.mutable_storages(0)->set_source("registry.example/never");
  std::thread creation([&] { EXPECT_EQ(client_->CreateContainer(in).status().code(), kCancelled); });
  while (sandbox_->Containers().empty()) std::this_thread::yield();
  EXPECT_EQ(client_->CreateContainer(in).status().code(), kAlreadyExists);
  grpc::StatsContainerRequest stats;
  stats.set_container_id("c1");
  EXPECT_EQ(client_->StatsContainer(stats).status().code(), kFailedPrecondition);
  grpc::RemoveContainerRequest remove;
  remove.set_container_id("c1");
  EXPECT_TRUE(client_->RemoveContainer(remove).ok());
  creation.join();
  EXPECT_EQ(client_->RemoveContainer(remove).status().code(), kNotFound);
}

TEST_F(ServicesTest, EndsACreationWhoseCallerGoes) {
  grpc::CreateContainerRequest in = Valid();
  in.mutable_storages(0)->set_source("registry.example/never");
  EXPECT_EQ(client_->CreateContainer(in, std::chrono::milliseconds(50)).status().code(), kDeadlineExceeded);
  while (!sandbox_->Containers().empty()) std::this_thread::yield();
}

TEST_F(ServicesTest, KnowsNoOtherContainer) {
  const auto code = [](const auto& result) { return result.status().code(); };
  const auto named = [](auto in) {
    in.set_container_id("nobody");
    return in;
  };
  EXPECT_EQ(code(client_->StartContainer(named(grpc::StartContainerRequest()))), kNotFound);
  EXPECT_EQ(code(client_->RemoveContainer(named(grpc::RemoveContainerRequest()))), kNotFound);
  EXPECT_EQ(code(client_->SignalProcess(named(grpc::SignalProcessRequest()))), kNotFound);
  EXPECT_EQ(code(client_->WaitProcess(named(grpc::WaitProcessRequest()))), kNotFound);
  EXPECT_EQ(code(client_->StatsContainer(named(grpc::StatsContainerRequest()))), kNotFound);
  EXPECT_EQ(code(client_->PauseContainer(named(grpc::PauseContainerRequest()))), kNotFound);
  EXPECT_EQ(code(client_->UpdateContainer(named(grpc::UpdateContainerRequest()))), kNotFound);
  EXPECT_EQ(code(client_->CloseStdin(named(grpc::CloseStdinRequest()))), kNotFound);
  EXPECT_EQ(code(client_->TtyWinResize(named(grpc::TtyWinResizeRequest()))), kNotFound);
  EXPECT_EQ(code(client_->WriteStdin(named(grpc::WriteStreamRequest()))), kNotFound);
  grpc::ReadStreamRequest read = named(grpc::ReadStreamRequest());
  EXPECT_EQ(code(client_->ReadStdout(read)), kInvalidArgument) << "a read of nothing";
  read.set_len(1);
  EXPECT_EQ(code(client_->ReadStdout(read)), kNotFound);
  grpc::ExecProcessRequest exec = named(grpc::ExecProcessRequest());
  exec.set_exec_id("e");
  exec.mutable_process()->add_args("x");
  EXPECT_EQ(code(client_->ExecProcess(exec)), kNotFound);
  exec.set_exec_id("../e");
  EXPECT_EQ(code(client_->ExecProcess(exec)), kInvalidArgument);
}

TEST_F(ServicesTest, RefusesBadSandboxes) {
  grpc::CreateSandboxRequest in;
  in.set_hostname(std::string(65, 'h'));
  EXPECT_EQ(client_->CreateSandbox(in).status().code(), kInvalidArgument);
  in.set_hostname("h");
  in.add_kernel_modules()->set_name("evil");
  EXPECT_EQ(client_->CreateSandbox(in).status().code(), kPermissionDenied);
  in.clear_kernel_modules();
  in.set_guest_hook_path("/usr");
  EXPECT_EQ(client_->CreateSandbox(in).status().code(), kUnimplemented);
  in.set_guest_hook_path("/nonexistent/hooks");
  in.add_storages()->set_driver("9p");
  EXPECT_EQ(client_->CreateSandbox(in).status().code(), kUnimplemented);
  in.clear_storages();
  EXPECT_TRUE(client_->CreateSandbox(in).ok());
  EXPECT_EQ(client_->CreateSandbox(in).status().code(), kAlreadyExists);
}

TEST_F(ServicesTest, ThePolicyDecidesWhatTheHostMayAsk) {
  grpc::SetPolicyRequest in;
  in.set_policy("package agent_policy\ndefault CreateSandboxRequest := false\n");
  ASSERT_TRUE(client_->SetPolicy(in).ok());
  EXPECT_EQ(client_->CreateSandbox({}).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(client_->SetPolicy(in).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(ServicesTest, SaysWhatItDoesNotDo) {
  EXPECT_EQ(client_->AddSwap({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->AddSwapPath({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->MemHotplugByProbe({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->ResizeVolume({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->GetIPTables({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->SetIPTables({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->MemAgentMemcgSet({}).status().code(), kUnimplemented);
  EXPECT_EQ(client_->MemAgentCompactSet({}).status().code(), kUnimplemented);
  EXPECT_TRUE(client_->RemoveStaleVirtiofsShareMounts({}).ok());
}

TEST_F(ServicesTest, ReportsVolumesAndDiagnosticsOnlyWhereItMay) {
  grpc::VolumeStatsRequest volume;
  volume.set_volume_guest_path("/etc");
  EXPECT_EQ(client_->GetVolumeStats(volume).status().code(), kPermissionDenied);
  std::filesystem::create_directories(base_ + "/sandbox/v");
  volume.set_volume_guest_path(base_ + "/sandbox/v");
  auto stats = client_->GetVolumeStats(volume);
  ASSERT_TRUE(stats.ok()) << stats.status();
  ASSERT_EQ(stats->usage_size(), 2);
  EXPECT_GT(stats->usage(0).total(), 0U);
  grpc::GetDiagnosticDataRequest diagnostic;
  diagnostic.set_log_type("/etc/shadow");
  EXPECT_EQ(client_->GetDiagnosticData(diagnostic).status().code(), kInvalidArgument);
  diagnostic.set_log_type("termination_log");
  EXPECT_EQ(client_->GetDiagnosticData(diagnostic).status().code(), kNotFound);
}

TEST_F(ServicesTest, GetOomEventEndsWithItsCaller) {
  EXPECT_EQ(client_->GetOOMEvent({}, std::chrono::milliseconds(20)).status().code(), kDeadlineExceeded);
}

TEST_F(ServicesTest, MetricsAreWellFormed) {
  auto metrics = client_->GetMetrics({});
  ASSERT_TRUE(metrics.ok());
  EXPECT_NE(metrics->metrics().find("# TYPE kata_agent_scrape_count counter\nkata_agent_scrape_count 1\n"),
            std::string::npos);
  EXPECT_NE(client_->GetMetrics({})->metrics().find("\nkata_agent_scrape_count 2\n"), std::string::npos);
  for (std::string_view line : StrSplit(metrics->metrics(), '\n')) {
    EXPECT_TRUE(line.empty() || line[0] == '#' || line.substr(0, 5) == "kata_") << line;
  }
}

TEST_F(ServicesTest, DestroyingTheSandboxStopsTheAgent) {
  EXPECT_TRUE(client_->DestroySandbox({}).ok());
  EXPECT_TRUE(WaitReadable(sandbox_->stop().fd(), std::chrono::milliseconds(0)).ok());
}

}  // namespace
}  // namespace cc::agent
