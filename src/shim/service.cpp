// SPDX-License-Identifier: Apache-2.0
#include "shim/service.h"

#include <unistd.h>

#include "base/status.h"
#include "base/strings.h"
#include "containerd/task.pb.h"
#include "google/protobuf/empty.pb.h"
#include "shim/status_codes.h"
#include "shim/timestamp.h"

namespace cc::shim {
namespace {

namespace api = containerd::task::v2;
using google::protobuf::Empty;

containerd::v1::types::Status WireStatus(const Container& container, ProcessState state) {
  switch (state) {
    case ProcessState::kCreated:
    case ProcessState::kStarting:
      return containerd::v1::types::CREATED;
    case ProcessState::kRunning:
      return container.paused() ? containerd::v1::types::PAUSED : containerd::v1::types::RUNNING;
    case ProcessState::kStopped:
      return containerd::v1::types::STOPPED;
  }
  return containerd::v1::types::UNKNOWN;
}

class TaskService {
 public:
  TaskService(std::shared_ptr<Pod> pod, std::function<void()> shutdown)
      : pod_(std::move(pod)), shutdown_(std::move(shutdown)) {}

  absl::Status Create(const ttrpc::CallContext& call, const api::CreateTaskRequest& in,
                      api::CreateTaskResponse& out) {
    CC_RETURN_IF_ERROR(pod_->Create(call, in));
    out.set_pid(Pid());
    return absl::OkStatus();
  }

  absl::Status Start(const api::StartRequest& in, api::StartResponse& out) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    CC_RETURN_IF_ERROR(container->Start(in.exec_id()));
    out.set_pid(Pid());
    return absl::OkStatus();
  }

  absl::Status Delete(const api::DeleteRequest& in, api::DeleteResponse& out) {
    const uint32_t pid = Pid();
    ProcessExit exit;
    if (in.exec_id().empty()) {
      if (pod_->AbortCreation(in.id(), "it was deleted while its image was being pulled")) {
        out.set_exit_status(kKilledStatus);
        *out.mutable_exited_at() = Now();
        return absl::OkStatus();
      }
      CC_ASSIGN_OR_RETURN(exit, pod_->Delete(in.id()));
    } else {
      CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
      CC_ASSIGN_OR_RETURN(const auto process, container->FindProcess(in.exec_id()));
      CC_RETURN_IF_ERROR(container->DeleteExec(in.exec_id()));
      exit = process->status().exit;
    }
    out.set_pid(pid);
    out.set_exit_status(exit.status);
    *out.mutable_exited_at() = exit.at;
    return absl::OkStatus();
  }

  absl::Status State(const api::StateRequest& in, api::StateResponse& out) {
    out.set_pid(Pid());
    if (in.exec_id().empty() && pod_->creating(in.id())) {
      out.set_id(in.id());
      out.set_status(containerd::v1::types::UNKNOWN);
      return absl::OkStatus();
    }
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    CC_ASSIGN_OR_RETURN(const auto process, container->FindProcess(in.exec_id()));
    // Read once: containerd takes a stopped process without its time of exit for a running one, for ever.
    const ProcessStatus status = process->status();
    out.set_id(in.id());
    out.set_exec_id(in.exec_id());
    out.set_bundle(container->bundle());
    out.set_status(WireStatus(*container, status.state));
    out.set_stdin(process->paths().in);
    out.set_stdout(process->paths().out);
    out.set_stderr(process->paths().err);
    out.set_terminal(process->paths().terminal);
    if (status.state == ProcessState::kStopped) {
      out.set_exit_status(status.exit.status);
      *out.mutable_exited_at() = status.exit.at;
    }
    return absl::OkStatus();
  }

  absl::Status Wait(const ttrpc::CallContext& call, const api::WaitRequest& in, api::WaitResponse& out) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    CC_ASSIGN_OR_RETURN(const auto process, container->FindProcess(in.exec_id()));
    CC_ASSIGN_OR_RETURN(const ProcessExit exit, process->WaitExit(call));
    out.set_exit_status(exit.status);
    *out.mutable_exited_at() = exit.at;
    return absl::OkStatus();
  }

  absl::Status Kill(const api::KillRequest& in, Empty&) {
    if (in.exec_id().empty() &&
        pod_->AbortCreation(in.id(), "it was killed while its image was being pulled")) {
      return absl::OkStatus();
    }
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return container->Kill(in.exec_id(), in.signal(), in.all());
  }

  absl::Status Exec(const api::ExecProcessRequest& in, Empty&) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return container->AddExec(in);
  }

  absl::Status ResizePty(const api::ResizePtyRequest& in, Empty&) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return container->Resize(in.exec_id(), in.width(), in.height());
  }

  absl::Status CloseIO(const api::CloseIORequest& in, Empty&) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return in.stdin() ? container->CloseInput(in.exec_id()) : absl::OkStatus();
  }

  absl::Status Pause(const api::PauseRequest& in, Empty&) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return container->Pause();
  }

  absl::Status Resume(const api::ResumeRequest& in, Empty&) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return container->Resume();
  }

  absl::Status Update(const api::UpdateTaskRequest& in, Empty&) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    return container->Update(in.resources());
  }

  absl::Status Stats(const api::StatsRequest& in, api::StatsResponse& out) {
    CC_ASSIGN_OR_RETURN(const auto container, pod_->Find(in.id()));
    CC_ASSIGN_OR_RETURN(*out.mutable_stats(), container->Stats());
    return absl::OkStatus();
  }

  // Processes of the guest have no pid on the host; the VM stands for all of them.
  absl::Status Pids(const api::PidsRequest& in, api::PidsResponse& out) {
    if (!pod_->creating(in.id())) CC_RETURN_IF_ERROR(pod_->Find(in.id()).status());
    out.add_processes()->set_pid(Pid());
    return absl::OkStatus();
  }

  absl::Status Connect(const api::ConnectRequest&, api::ConnectResponse& out) {
    out.set_shim_pid(static_cast<uint32_t>(::getpid()));
    out.set_task_pid(Pid());
    out.set_version(CC_VERSION);
    return absl::OkStatus();
  }

  absl::Status Checkpoint(const api::CheckpointTaskRequest& in, Empty&) {
    return absl::UnimplementedError(
        StrCat("checkpoint container ", in.id(), ": the memory of a confidential guest cannot be saved"));
  }

  absl::Status Shutdown(const api::ShutdownRequest& in, Empty&) {
    if (in.now() || pod_->empty()) shutdown_();
    return absl::OkStatus();
  }

 private:
  uint32_t Pid() const {
    const pid_t pid = pod_->vm_pid();
    return pid > 0 ? static_cast<uint32_t>(pid) : 0;
  }

  const std::shared_ptr<Pod> pod_;
  const std::function<void()> shutdown_;
};

template <typename Request, typename Response>
using Method = absl::Status (TaskService::*)(const Request&, Response&);
template <typename Request, typename Response>
using MethodWithCall = absl::Status (TaskService::*)(const ttrpc::CallContext&, const Request&, Response&);

}  // namespace

void RegisterTaskService(ttrpc::Server& server, const std::shared_ptr<Pod>& pod,
                         std::function<void()> shutdown) {
  const auto service = std::make_shared<TaskService>(pod, std::move(shutdown));
  for (const char* name : {"containerd.task.v2.Task", "containerd.task.v3.Task"}) {
    const auto handle = [&]<typename In, typename Out>(const char* method, Method<In, Out> function) {
      server.Handle<In, Out>(name, method,
                             [service, function](const ttrpc::CallContext&, const In& in, Out& out) {
                               return ForContainerd((service.get()->*function)(in, out));
                             });
    };
    const auto handle_with_call = [&]<typename In, typename Out>(const char* method,
                                                                 MethodWithCall<In, Out> function) {
      server.Handle<In, Out>(name, method,
                             [service, function](const ttrpc::CallContext& call, const In& in, Out& out) {
                               return ForContainerd((service.get()->*function)(call, in, out));
                             });
    };
    handle_with_call("Create", &TaskService::Create);
    handle_with_call("Wait", &TaskService::Wait);
    handle("Start", &TaskService::Start);
    handle("Delete", &TaskService::Delete);
    handle("State", &TaskService::State);
    handle("Kill", &TaskService::Kill);
    handle("Exec", &TaskService::Exec);
    handle("ResizePty", &TaskService::ResizePty);
    handle("CloseIO", &TaskService::CloseIO);
    handle("Pause", &TaskService::Pause);
    handle("Resume", &TaskService::Resume);
    handle("Update", &TaskService::Update);
    handle("Stats", &TaskService::Stats);
    handle("Pids", &TaskService::Pids);
    handle("Connect", &TaskService::Connect);
    handle("Checkpoint", &TaskService::Checkpoint);
    handle("Shutdown", &TaskService::Shutdown);
  }
}

}  // namespace cc::shim
