// SPDX-License-Identifier: Apache-2.0
#include "shim/pod_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/socket.h"
#include "base/strings.h"
#include "shim/sandbox_service.h"
#include "shim/service.h"

namespace cc::shim {

namespace api = containerd::task::v2;

void PodFixture::SetUp() {
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-pod");
  ASSERT_TRUE(dir.ok());
  dir_ = std::make_unique<TempDir>(std::move(*dir));
  Configure("boot_timeout_s = 1");
  guest_->AddTo(backends_);
  publisher_ = std::make_shared<EventPublisher>("ns", [this](const containerd::types::Envelope& envelope) {
    const std::lock_guard lock(mutex_);
    events_.push_back(envelope);
    changed_.notify_all();
    return absl::OkStatus();
  });
  pod_ = std::make_shared<Pod>(PodOptions{.daemon = {.namespace_name = "ns", .id = id_},
                                          .config_environment = path("config.toml"),
                                          .backends = &backends_,
                                          .events = publisher_,
                                          .started = std::chrono::steady_clock::now(),
                                          .on_abandoned = [this] { abandoned_.set_value(); }});
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

void PodFixture::TearDown() {
  pod_->Stop();
  client_->Close();
  server_.Shutdown();
  serving_.Join();
  publisher_->Close();
  EXPECT_TRUE(!std::filesystem::exists(path("state")) || std::filesystem::is_empty(path("state")))
      << "state of a pod is left behind";
}

void PodFixture::Configure(const std::string& vmm) {
  ASSERT_TRUE(WriteFileAtomic(path("config.toml"), StrCat("state_dir = \"", path("state"),
                                                          "\"\n[vmm]\nbackend = \"fake\"\n", vmm, "\n"))
                  .ok());
}

std::vector<containerd::types::Envelope> PodFixture::events() {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<std::string> PodFixture::topics() {
  std::vector<std::string> topics;
  for (const containerd::types::Envelope& event : events()) topics.push_back(event.topic());
  return topics;
}

void PodFixture::AwaitTopic(const std::string& topic) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return std::any_of(events_.begin(), events_.end(),
                       [&](const containerd::types::Envelope& event) { return event.topic() == topic; });
  });
}

absl::Status TaskFixture::Create(const std::string& id, const std::string& annotations,
                                 const std::string& mounts) {
  ::mkdir(path(id).c_str(), 0700);
  EXPECT_TRUE(
      WriteFileAtomic(
          path(id) + "/config.json",
          R"({"process":{"args":["x"],"cwd":"/"},"annotations":{"io.kubernetes.cri.image-name":"r/i")" +
              annotations + R"(},"mounts":[)" + mounts + R"(],"linux":{"namespaces":[)" + network_ + "]}}")
          .ok());
  api::CreateTaskRequest request;
  request.set_id(id);
  request.set_bundle(path(id));
  return Call<api::CreateTaskResponse>("Create", request).status();
}

absl::Status TaskFixture::CreateSandboxContainer() {
  return Create("c1", R"(,"io.kubernetes.cri.container-type":"sandbox")");
}

absl::Status TaskFixture::CreateMember(const std::string& id, const std::string& mounts) {
  return Create(id, R"(,"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"c1")",
                mounts);
}

absl::Status TaskFixture::Start(const std::string& id, const std::string& exec_id) {
  return Call<api::StartResponse>("Start", Of<api::StartRequest>(id, exec_id)).status();
}

absl::StatusOr<api::DeleteResponse> TaskFixture::Delete(const std::string& id, const std::string& exec_id) {
  return Call<api::DeleteResponse>("Delete", Of<api::DeleteRequest>(id, exec_id));
}

absl::StatusOr<api::WaitResponse> TaskFixture::Wait(const std::string& id, const std::string& exec_id) {
  return Call<api::WaitResponse>("Wait", Of<api::WaitRequest>(id, exec_id));
}

absl::StatusOr<api::StateResponse> TaskFixture::State(const std::string& id, const std::string& exec_id) {
  return Call<api::StateResponse>("State", Of<api::StateRequest>(id, exec_id));
}

absl::Status TaskFixture::Kill(const std::string& id, uint32_t signal, const std::string& exec_id, bool all) {
  auto request = Of<api::KillRequest>(id, exec_id);
  request.set_signal(signal);
  request.set_all(all);
  return Call("Kill", request).status();
}

absl::Status TaskFixture::Exec(const std::string& id, const std::string& exec_id, const std::string& spec) {
  auto request = Of<api::ExecProcessRequest>(id, exec_id);
  request.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
  request.mutable_spec()->set_value(spec);
  return Call("Exec", request).status();
}

absl::Status TaskFixture::Pause(const std::string& id) {
  api::PauseRequest request;
  request.set_id(id);
  return Call("Pause", request).status();
}

absl::Status TaskFixture::Resume(const std::string& id) {
  api::ResumeRequest request;
  request.set_id(id);
  return Call("Resume", request).status();
}

}  // namespace cc::shim
