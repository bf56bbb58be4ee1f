// SPDX-License-Identifier: Apache-2.0
// A pod driven through its task service, as containerd does, on a fake VM.
#include "shim/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "containerd/events.pb.h"
#include "google/protobuf/empty.pb.h"
#include "shim/fake_guest.h"
#include "shim/service.h"
#include "ttrpc/client.h"

namespace cc::shim {
namespace {

namespace api = containerd::task::v2;
using google::protobuf::Empty;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kCancelled = absl::StatusCode::kCancelled;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

class PodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-pod");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    ASSERT_TRUE(WriteFileAtomic(
                    path("config.toml"),
                    "state_dir = \"" + path("state") + "\"\n[vmm]\nbackend = \"fake\"\nboot_timeout_s = 1\n")
                    .ok());
    guest_->AddTo(backends_);
    events_ = std::make_shared<EventPublisher>("ns", [this](const containerd::types::Envelope& envelope) {
      const std::lock_guard lock(mutex_);
      topics_.push_back(envelope.topic());
      changed_.notify_all();
      return absl::OkStatus();
    });
    pod_ = std::make_shared<Pod>(PodOptions{.daemon = {.namespace_name = "ns", .id = "c1"},
                                            .config_environment = path("config.toml"),
                                            .backends = &backends_,
                                            .events = events_,
                                            .started = std::chrono::steady_clock::now(),
                                            .on_abandoned = [this] { abandoned_.set_value(); }});
    RegisterTaskService(server_, pod_, [this] { ++shutdowns_; });
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
    EXPECT_TRUE(!std::filesystem::exists(path("state")) || std::filesystem::is_empty(path("state")))
        << "state of a pod is left behind";
  }

  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }
  std::string network_ = R"({"type":"network"})";  // in linux.namespaces of the next container

  template <typename Response = Empty, typename Request>
  absl::StatusOr<Response> Call(const char* method, const Request& request) {
    return client_->Call<Response>("containerd.task.v3.Task", method, request);
  }

  // `mounts` are the elements of the specification's list.
  absl::Status Create(const std::string& id, const std::string& annotations = "",
                      const std::string& mounts = "") {
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
  absl::Status CreateSandboxContainer() {
    return Create("c1", R"(,"io.kubernetes.cri.container-type":"sandbox")");
  }
  absl::Status CreateMember(const std::string& id) {
    return Create(id,
                  R"(,"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"c1")");
  }

  // Requests that name a container and a process only.
  template <typename Request>
  static Request Of(const std::string& id, const std::string& exec_id = "") {
    Request request;
    request.set_id(id);
    request.set_exec_id(exec_id);
    return request;
  }
  absl::Status Start(const std::string& id, const std::string& exec_id = "") {
    return Call<api::StartResponse>("Start", Of<api::StartRequest>(id, exec_id)).status();
  }
  absl::StatusOr<api::DeleteResponse> Delete(const std::string& id, const std::string& exec_id = "") {
    return Call<api::DeleteResponse>("Delete", Of<api::DeleteRequest>(id, exec_id));
  }
  absl::StatusOr<api::WaitResponse> Wait(const std::string& id, const std::string& exec_id = "") {
    return Call<api::WaitResponse>("Wait", Of<api::WaitRequest>(id, exec_id));
  }
  absl::StatusOr<api::StateResponse> State(const std::string& id, const std::string& exec_id = "") {
    return Call<api::StateResponse>("State", Of<api::StateRequest>(id, exec_id));
  }
  absl::Status Kill(const std::string& id, uint32_t signal, const std::string& exec_id = "",
                    bool all = false) {
    auto request = Of<api::KillRequest>(id, exec_id);
    request.set_signal(signal);
    request.set_all(all);
    return Call("Kill", request).status();
  }
  absl::Status Exec(const std::string& id, const std::string& exec_id,
                    const std::string& spec = R"({"args":["p"]})") {
    auto request = Of<api::ExecProcessRequest>(id, exec_id);
    request.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
    request.mutable_spec()->set_value(spec);
    return Call("Exec", request).status();
  }

  void AwaitTopic(const std::string& topic) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return std::find(topics_.begin(), topics_.end(), topic) != topics_.end(); });
  }
  std::vector<std::string> topics() {
    const std::lock_guard lock(mutex_);
    return topics_;
  }

  std::unique_ptr<TempDir> dir_;
  const std::shared_ptr<FakeGuest> guest_ = std::make_shared<FakeGuest>();
  vmm::Registry backends_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> topics_;
  std::promise<void> abandoned_;
  std::atomic<int> shutdowns_ = 0;
  std::shared_ptr<EventPublisher> events_;
  std::shared_ptr<Pod> pod_;
  ttrpc::Server server_;
  std::unique_ptr<ttrpc::Client> client_;
  Thread serving_;
};

TEST_F(PodTest, RefusesThePodThatWantsTheHostsNetwork) {
  network_ = "";
  const absl::Status status = CreateSandboxContainer();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("hostNetwork"));
}

TEST_F(PodTest, RefusesANamespaceThatIsTheHosts) {
  network_ = R"({"type":"network","path":"/proc/self/ns/net"})";
  const absl::Status status = CreateSandboxContainer();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("the host's own network"));
  network_ = R"({"type":"network","path":"/no/such/namespace"})";
  EXPECT_EQ(CreateSandboxContainer().code(), kNotFound);
}

TEST_F(PodTest, TheVmGetsANewNetworkNamespaceOrThatOfThePath) {
  struct stat own {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  for (const char* network : {R"({"type":"network"})", ""}) {
    network_ = network;
    ASSERT_TRUE(Create("c1").ok());
    EXPECT_NE(guest_->network_namespace(), 0U);
    EXPECT_NE(guest_->network_namespace(), own.st_ino) << "the host's";
    EXPECT_EQ(guest_->nics(), 1U) << "a spare one";
    ASSERT_TRUE(Kill("c1", 9).ok());
    ASSERT_TRUE(Delete("c1").ok());
  }
  const absl::StatusOr<pod_net::NetNamespace> made = pod_net::NetNamespace::Make();
  ASSERT_TRUE(made.ok()) << made.status();
  struct stat given {};
  ASSERT_EQ(::fstat(made->fd(), &given), 0);
  network_ = StrCat(R"({"type":"network","path":"/proc/self/fd/)", made->fd(), R"("})");
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_EQ(guest_->network_namespace(), given.st_ino);
}

TEST_F(PodTest, TheGuestGetsTheTimeOfDayUnlessItsPolicyForbids) {
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  guest_->clock_error = absl::PermissionDeniedError("the policy says no");
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_GE(guest_->clock() + std::chrono::microseconds(1), before);
  EXPECT_LE(guest_->clock(), std::chrono::system_clock::now().time_since_epoch());
}

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

TEST_F(PodTest, AgentThatNeverAnswersEndsTheVm) {
  guest_->answers = false;
  const absl::Status status = Create("c1");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("boot_timeout_s"));
  EXPECT_FALSE(guest_->vm_running());
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
  EXPECT_EQ(Delete("c1")->exit_status(), 137u);
  EXPECT_EQ(creating.get().code(), kCancelled);
}

TEST_F(PodTest, ContainerdsDeathDuringThePullEndsThePod) {
  guest_->HoldPull("c1");
  auto creating = std::async(std::launch::async, [&] { return Create("c1"); });
  guest_->AwaitPull("c1");
  client_->Close();
  EXPECT_FALSE(creating.get().ok());
  abandoned_.get_future().wait();
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodTest, VmDeathDuringThePullIsNamed) {
  guest_->HoldPull("c1");
  auto creating = std::async(std::launch::async, [&] { return Create("c1"); });
  guest_->AwaitPull("c1");
  guest_->KillVm("qemu was killed by signal 9");
  const absl::Status status = creating.get();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(PodTest, VmDeathStopsEverythingWith137) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Exec("c1", "e1").ok());
  ASSERT_TRUE(Start("c1", "e1").ok());
  auto waiting = std::async(std::launch::async, [&] { return Wait("c1"); });
  guest_->KillVm("qemu was killed by signal 9");
  EXPECT_EQ(waiting.get()->exit_status(), 137u);
  EXPECT_EQ(Wait("c1", "e1")->exit_status(), 137u);
  EXPECT_EQ(Wait("c2")->exit_status(), 137u) << "one that was never started";
  EXPECT_EQ(Delete("c2")->exit_status(), 137u);
  EXPECT_EQ(Delete("c1")->exit_status(), 137u);
}

TEST_F(PodTest, ADeadPodsSandboxIsForgottenWithoutTheShimOfTheOthers) {
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

TEST_F(PodTest, AgentThatFallsSilentEndsThePod) {
  ASSERT_TRUE(WriteFileAtomic(path("config.toml"), "state_dir = \"" + path("state") +
                                                       "\"\n[vmm]\nbackend = \"fake\"\nagent_timeout_s = 1\n")
                  .ok());
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  guest_->Hang();
  EXPECT_EQ(Wait("c1")->exit_status(), 137u);
  EXPECT_FALSE(guest_->vm_running());
}

TEST_F(PodTest, ForcedKillOfASilentGuestEndsThePod) {
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

TEST_F(PodTest, ForcedKillOfABusyGuestEndsTheContainerOnly) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_TRUE(CreateMember("c2").ok());
  ASSERT_TRUE(Start("c2").ok());
  guest_->IgnoreNextSignal();
  ASSERT_TRUE(Kill("c2", 9).ok());
  EXPECT_EQ(Wait("c2")->exit_status(), 137u);
  EXPECT_TRUE(guest_->vm_running());
}

TEST_F(PodTest, ForcedKillOfThePodsOwnContainerAsksNothingOfTheGuest) {
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
  EXPECT_THAT(calls, testing::Not(testing::Contains(testing::HasSubstr("SignalProcess"))));
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
  guest_->FinishPull("c2");
  guest_->AwaitCall("RemoveContainer c2");
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
}

TEST_F(PodTest, ExecsHaveALifeOfTheirOwn) {
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

TEST_F(PodTest, FailedStartSaysWhyAndCanBeDeleted) {
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

TEST_F(PodTest, KillOfAllNamesNoProcess) {
  ASSERT_TRUE(Create("c1").ok());
  ASSERT_TRUE(Start("c1").ok());
  ASSERT_TRUE(Kill("c1", 9, "", true).ok());
  EXPECT_EQ(Wait("c1")->exit_status(), 137u);
  EXPECT_THAT(guest_->calls(), Contains("SignalProcess  9"));
}

TEST_F(PodTest, PauseResumeUpdateAndStats) {
  ASSERT_TRUE(Create("c1").ok());
  api::PauseRequest pause;
  pause.set_id("c1");
  api::ResumeRequest resume;
  resume.set_id("c1");
  EXPECT_EQ(Call("Pause", pause).status().code(), kPrecondition) << "not running";
  ASSERT_TRUE(Start("c1").ok());
  EXPECT_EQ(Call("Resume", resume).status().code(), kPrecondition) << "not paused";
  ASSERT_TRUE(Call("Pause", pause).ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::PAUSED);
  ASSERT_TRUE(Call("Resume", resume).ok());
  EXPECT_EQ(State("c1")->status(), containerd::v1::types::RUNNING);
  api::UpdateTaskRequest update;
  update.set_id("c1");
  update.mutable_resources()->set_value(R"({"memory":{"limit":77}})");
  ASSERT_TRUE(Call("Update", update).ok());
  EXPECT_THAT(guest_->calls(), Contains("UpdateContainer 77"));
  api::StatsRequest stats;
  stats.set_id("c1");
  absl::StatusOr<api::StatsResponse> answer = Call<api::StatsResponse>("Stats", stats);
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->stats().type_url(), HasSubstr("io.containerd.cgroups.v"));
  AwaitTopic("/tasks/resumed");
  EXPECT_THAT(topics(), Contains("/tasks/paused"));
}

TEST_F(PodTest, OomOfTheGuestBecomesAnEvent) {
  ASSERT_TRUE(Create("c1").ok());
  guest_->ReportOom("c1");
  AwaitTopic("/tasks/oom");
}

TEST_F(PodTest, TerminationMessageIsOnTheHostWhenTheExitIsTold) {
  ASSERT_TRUE(WriteFileAtomic(path("message"), "").ok());
  ASSERT_TRUE(
      Create("c1", "",
             R"({"type":"bind","source":")" + path("message") + R"(","destination":"/dev/termination-log"})")
          .ok());
  ASSERT_TRUE(Start("c1").ok());
  guest_->SetTerminationLog("c1", "out of luck");
  guest_->Exit("c1", 3);
  ASSERT_TRUE(Wait("c1").ok());
  EXPECT_EQ(*ReadFile(path("message")), "out of luck");
}

TEST_F(PodTest, VolumesAreKeptCurrentUntilTheContainerGoes) {
  ASSERT_TRUE(WriteFileAtomic(path("hosts"), "1").ok());
  ASSERT_TRUE(
      Create("c1", "", R"({"type":"bind","source":")" + path("hosts") + R"(","destination":"/etc/hosts"})")
          .ok());
  guest_->AwaitFile("-0-hosts", "1");
  ASSERT_TRUE(WriteFileAtomic(path("hosts"), "2").ok());
  guest_->AwaitFile("-0-hosts", "2");
}

TEST_F(PodTest, RefusedMountLeavesThePodUsable) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const std::string member =
      R"(,"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"c1")";
  const absl::Status status =
      Create("bad", member, R"({"type":"bind","source":")" + path("fifo") + R"(","destination":"/x"})");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr(path("fifo") + " on /x"));
  EXPECT_TRUE(CreateMember("good").ok());
}

}  // namespace
}  // namespace cc::shim
