// SPDX-License-Identifier: Apache-2.0
#include "shim/fake_guest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent_proto/names.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "google/protobuf/empty.pb.h"
#include "kata/health.pb.h"

namespace cc::shim {

using google::protobuf::Empty;

class FakeVm : public vmm::Vm {
 public:
  FakeVm(std::shared_ptr<FakeGuest> guest, std::string dir)
      : guest_(std::move(guest)), dir_(std::move(dir)) {}
  ~FakeVm() override {
    Stop();
    server_.Shutdown();
  }

  absl::Status Start() override {
    guest_->RegisterAgent(server_);
    guest_->RegisterProcesses(server_);
    guest_->RegisterFiles(server_);
    {
      const std::lock_guard lock(guest_->mutex_);
      guest_->running_ = true;
      number_ = ++guest_->vms_;
    }
    if (guest_->answers) ConnectUnix(Path(agent_proto::kReadyPort)).IgnoreError();
    return absl::OkStatus();
  }
  absl::StatusOr<UniqueFd> Connect(uint32_t) override {
    if (!guest_->answers || !guest_->vm_running()) return absl::UnavailableError("nobody listens");
    CC_ASSIGN_OR_RETURN(auto pair, SocketPair());
    CC_ASSIGN_OR_RETURN(connection_, Thread::Start("agent", [this, fd = std::move(pair.second)]() mutable {
                          server_.ServeConnection(std::move(fd));
                        }));
    return std::move(pair.first);
  }
  absl::StatusOr<UniqueFd> Listen(uint32_t port) override { return ListenUnix(Path(port)); }
  absl::Status Pause() override { return absl::OkStatus(); }
  absl::Status Resume() override { return absl::OkStatus(); }
  void Stop() override {
    if (IsCurrent()) guest_->KillVm("stopped");
    server_.Shutdown();
  }
  std::string Wait() override {
    std::unique_lock lock(guest_->mutex_);
    guest_->changed_.wait(lock, [this] { return !guest_->running_ || number_ != guest_->vms_; });
    return guest_->end_reason_;
  }
  pid_t pid() const override { return ::getpid(); }
  absl::StatusOr<vmm::VmStats> Stats() override { return vmm::VmStats{}; }

 private:
  // The last that was started: the object of one that has ended may live a little longer.
  bool IsCurrent() const {
    const std::lock_guard lock(guest_->mutex_);
    return number_ == guest_->vms_;
  }
  std::string Path(uint32_t port) const { return StrCat(dir_, "/", port); }

  const std::shared_ptr<FakeGuest> guest_;
  const std::string dir_;
  int number_ = 0;
  ttrpc::Server server_;
  Thread connection_;
};

class FakeVmm : public vmm::Vmm {
 public:
  explicit FakeVmm(std::shared_ptr<FakeGuest> guest) : guest_(std::move(guest)) {}
  vmm::Capabilities Probe(const vmm::VmSpec&) override { return {.usable = true, .reason = "a fake"}; }
  absl::StatusOr<std::unique_ptr<vmm::Vm>> Create(const vmm::VmSpec& spec) override {
    CC_RETURN_IF_ERROR(guest_->vm_error);
    struct stat space {};
    const bool given = ::fstat(spec.network_namespace, &space) == 0;
    {
      const std::lock_guard lock(guest_->mutex_);
      guest_->network_namespace_ = given ? space.st_ino : 0;
      guest_->nics_ = spec.nics.size();
      guest_->vcpus_ = spec.vcpus;
      guest_->memory_mib_ = spec.memory_mib;
    }
    return std::make_unique<FakeVm>(guest_, spec.state_dir);
  }

 private:
  const std::shared_ptr<FakeGuest> guest_;
};

size_t FakeGuest::nics() {
  const std::lock_guard lock(mutex_);
  return nics_;
}

uint32_t FakeGuest::vcpus() {
  const std::lock_guard lock(mutex_);
  return vcpus_;
}

uint32_t FakeGuest::memory_mib() {
  const std::lock_guard lock(mutex_);
  return memory_mib_;
}

std::chrono::microseconds FakeGuest::clock() {
  const std::lock_guard lock(mutex_);
  return clock_;
}

ino_t FakeGuest::network_namespace() {
  const std::lock_guard lock(mutex_);
  return network_namespace_;
}

void FakeGuest::AddTo(vmm::Registry& registry) {
  registry.Add("fake", [self = shared_from_this()] { return std::make_unique<FakeVmm>(self); });
}

bool FakeGuest::WaitFor(const std::function<bool()>& done) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done() || !running_; });
  return done();
}

bool FakeGuest::WaitWhileHeld(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (held_.contains(id)) held_[id] = true;
    changed_.notify_all();
  }
  return WaitFor([&] { return !held_.contains(id); });
}

void FakeGuest::Record(const std::string& call) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(call);
  changed_.notify_all();
}

void FakeGuest::RegisterAgent(ttrpc::Server& server) {
  const std::string service(agent_proto::kAgentService);
  server.Handle<grpc::CheckRequest, grpc::HealthCheckResponse>(
      std::string(agent_proto::kHealthService), "Check",
      [this](const ttrpc::CallContext&, const grpc::CheckRequest&, grpc::HealthCheckResponse&) {
        return WaitFor([&] { return !hangs_; }) ? absl::OkStatus() : absl::UnavailableError("VM ended");
      });
  server.Handle<grpc::SetGuestDateTimeRequest, Empty>(
      service, "SetGuestDateTime",
      [this](const ttrpc::CallContext&, const grpc::SetGuestDateTimeRequest& in, Empty&) {
        const std::lock_guard lock(mutex_);
        clock_ = std::chrono::seconds(in.sec()) + std::chrono::microseconds(in.usec());
        return clock_error;
      });
  server.Handle<grpc::CreateSandboxRequest, Empty>(
      service, "CreateSandbox",
      [this](const ttrpc::CallContext&, const grpc::CreateSandboxRequest& in, Empty&) {
        Record(StrCat("CreateSandbox ", in.sandbox_id()));
        return absl::OkStatus();
      });
  server.Handle<grpc::CreateContainerRequest, Empty>(
      service, "CreateContainer",
      [this](const ttrpc::CallContext&, const grpc::CreateContainerRequest& in, Empty&) {
        Record(StrCat("CreateContainer ", in.container_id(), " ", in.storages(0).source()));
        if (!WaitWhileHeld(in.container_id())) return absl::UnavailableError("VM ended");
        const std::lock_guard lock(mutex_);
        if (given_up_.erase(in.container_id()) > 0) return absl::CancelledError("the pull was given up");
        return create_error;
      });
  server.Handle<grpc::RemoveContainerRequest, Empty>(
      service, "RemoveContainer",
      [this](const ttrpc::CallContext&, const grpc::RemoveContainerRequest& in, Empty&) {
        Record(StrCat("RemoveContainer ", in.container_id()));
        const std::lock_guard lock(mutex_);
        if (held_.erase(in.container_id()) > 0) given_up_.insert(in.container_id());
        changed_.notify_all();
        return absl::OkStatus();
      });
  server.Handle<grpc::PauseContainerRequest, Empty>(
      service, "PauseContainer",
      [](const ttrpc::CallContext&, const grpc::PauseContainerRequest&, Empty&) { return absl::OkStatus(); });
  server.Handle<grpc::ResumeContainerRequest, Empty>(
      service, "ResumeContainer", [](const ttrpc::CallContext&, const grpc::ResumeContainerRequest&, Empty&) {
        return absl::OkStatus();
      });
  server.Handle<grpc::UpdateContainerRequest, Empty>(
      service, "UpdateContainer",
      [this](const ttrpc::CallContext&, const grpc::UpdateContainerRequest& in, Empty&) {
        Record(
            StrCat("UpdateContainer ", in.resources().memory().limit(), " ", in.resources().pids().limit()));
        return absl::OkStatus();
      });
  server.Handle<grpc::StatsContainerRequest, grpc::StatsContainerResponse>(
      service, "StatsContainer",
      [](const ttrpc::CallContext&, const grpc::StatsContainerRequest&, grpc::StatsContainerResponse& out) {
        out.mutable_cgroup_stats()->mutable_pids_stats()->set_current(3);
        return absl::OkStatus();
      });
  server.Handle<grpc::GetOOMEventRequest, grpc::OOMEvent>(
      service, "GetOOMEvent",
      [this](const ttrpc::CallContext&, const grpc::GetOOMEventRequest&, grpc::OOMEvent& out) {
        if (!WaitFor([&] { return !oom_.empty(); })) return absl::UnavailableError("VM ended");
        const std::lock_guard lock(mutex_);
        out.set_container_id(oom_.back());
        oom_.pop_back();
        return absl::OkStatus();
      });
}

void FakeGuest::RegisterProcesses(ttrpc::Server& server) {
  const std::string service(agent_proto::kAgentService);
  server.Handle<grpc::StartContainerRequest, Empty>(
      service, "StartContainer",
      [this](const ttrpc::CallContext&, const grpc::StartContainerRequest& in, Empty&) {
        Record(StrCat("StartContainer ", in.container_id()));
        return start_error;
      });
  server.Handle<grpc::ExecProcessRequest, Empty>(
      service, "ExecProcess", [this](const ttrpc::CallContext&, const grpc::ExecProcessRequest& in, Empty&) {
        Record(StrCat("ExecProcess ", in.exec_id(), " ", in.process().args(0)));
        return WaitWhileHeld(in.exec_id()) ? start_error : absl::UnavailableError("VM ended");
      });
  server.Handle<grpc::SignalProcessRequest, Empty>(
      service, "SignalProcess",
      [this](const ttrpc::CallContext&, const grpc::SignalProcessRequest& in, Empty&) {
        Record(StrCat("SignalProcess ", in.exec_id(), " ", in.signal()));
        bool ignored = false;
        {
          const std::lock_guard lock(mutex_);
          ignored = std::exchange(ignores_signal_, false);
        }
        if (!WaitFor([&] { return !hangs_ && !ignored; })) return absl::UnavailableError("VM ended");
        Exit(in.exec_id().empty() ? in.container_id() : in.exec_id(), 128 + static_cast<int>(in.signal()));
        return absl::OkStatus();
      });
  server.Handle<grpc::TtyWinResizeRequest, Empty>(
      service, "TtyWinResize",
      [this](const ttrpc::CallContext&, const grpc::TtyWinResizeRequest& in, Empty&) {
        Record(StrCat("TtyWinResize ", in.exec_id(), " ", in.column(), "x", in.row()));
        return absl::OkStatus();
      });
  server.Handle<grpc::WaitProcessRequest, grpc::WaitProcessResponse>(
      service, "WaitProcess",
      [this](const ttrpc::CallContext&, const grpc::WaitProcessRequest& in, grpc::WaitProcessResponse& out) {
        if (!WaitFor([&] { return processes_[in.exec_id()].exited; }))
          return absl::UnavailableError("VM ended");
        const std::lock_guard lock(mutex_);
        out.set_status(processes_[in.exec_id()].status);
        return absl::OkStatus();
      });
  for (const char* method : {"ReadStdout", "ReadStderr"}) {
    const bool is_stdout = std::string_view(method) == "ReadStdout";
    server.Handle<grpc::ReadStreamRequest, grpc::ReadStreamResponse>(
        service, method,
        [this, is_stdout](const ttrpc::CallContext&, const grpc::ReadStreamRequest& in,
                          grpc::ReadStreamResponse& out) {
          const auto ready = [&] {
            const ProcessState& process = processes_[in.exec_id()];
            return process.exited || (is_stdout && !process.output.empty());
          };
          if (!WaitFor(ready)) return absl::UnavailableError("VM ended");
          const std::lock_guard lock(mutex_);
          if (is_stdout) out.set_data(std::exchange(processes_[in.exec_id()].output, {}));
          return absl::OkStatus();
        });
  }
}

void FakeGuest::RegisterFiles(ttrpc::Server& server) {
  const std::string service(agent_proto::kAgentService);
  server.Handle<grpc::CopyFileRequest, Empty>(
      service, "CopyFile", [this](const ttrpc::CallContext&, const grpc::CopyFileRequest& in, Empty&) {
        const std::lock_guard lock(mutex_);
        std::string& content = files_[in.path()];
        if (in.offset() == 0) content.clear();
        content += in.data();
        changed_.notify_all();
        return absl::OkStatus();
      });
  server.Handle<grpc::GetDiagnosticDataRequest, grpc::GetDiagnosticDataResponse>(
      service, "GetDiagnosticData",
      [this](const ttrpc::CallContext&, const grpc::GetDiagnosticDataRequest& in,
             grpc::GetDiagnosticDataResponse& out) {
        const std::lock_guard lock(mutex_);
        out.set_data(termination_logs_[in.container_id()]);
        return absl::OkStatus();
      });
}

void FakeGuest::SetTerminationLog(const std::string& container_id, const std::string& message) {
  const std::lock_guard lock(mutex_);
  termination_logs_[container_id] = message;
}

void FakeGuest::AwaitFile(const std::string& path_end, const std::string& content) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return std::any_of(files_.begin(), files_.end(), [&](const auto& file) {
      return file.first.ends_with(path_end) && file.second == content;
    });
  });
}

void FakeGuest::HoldPull(const std::string& id) {
  const std::lock_guard lock(mutex_);
  held_[id] = false;
}

void FakeGuest::FinishPull(const std::string& id) {
  const std::lock_guard lock(mutex_);
  held_.erase(id);
  changed_.notify_all();
}

void FakeGuest::AwaitPull(const std::string& id) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return held_[id]; });
}

void FakeGuest::Print(const std::string& exec_id, const std::string& text) {
  const std::lock_guard lock(mutex_);
  processes_[exec_id].output += text;
  changed_.notify_all();
}

void FakeGuest::Exit(const std::string& exec_id, int status) {
  const std::lock_guard lock(mutex_);
  processes_[exec_id].exited = true;
  processes_[exec_id].status = status;
  changed_.notify_all();
}

void FakeGuest::KillVm(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (running_) end_reason_ = reason;
  running_ = false;
  changed_.notify_all();
}

void FakeGuest::ReportOom(const std::string& container_id) {
  const std::lock_guard lock(mutex_);
  oom_.push_back(container_id);
  changed_.notify_all();
}

void FakeGuest::Hang() {
  const std::lock_guard lock(mutex_);
  hangs_ = true;
}

void FakeGuest::IgnoreNextSignal() {
  const std::lock_guard lock(mutex_);
  ignores_signal_ = true;
}

std::vector<std::string> FakeGuest::calls() {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void FakeGuest::AwaitCall(const std::string& call) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return std::find(calls_.begin(), calls_.end(), call) != calls_.end(); });
}

bool FakeGuest::vm_running() {
  const std::lock_guard lock(mutex_);
  return running_;
}

}  // namespace cc::shim
