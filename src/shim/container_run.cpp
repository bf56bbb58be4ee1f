// SPDX-License-Identifier: Apache-2.0
// Start and end of a container's processes.
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "containerd/events.pb.h"
#include "shim/container.h"
#include "shim/termination_log.h"
#include "shim/trim.h"

namespace cc::shim {
namespace {

constexpr std::chrono::seconds kStartTimeout{60};
// An init process's exit is published last; its execs die with it, and the guest says so within this time.
constexpr std::chrono::seconds kExecsTimeout{5};
// The container's end is told after that, with or without its message.
constexpr std::chrono::seconds kTerminationTimeout{5};
constexpr uint32_t kUnknownStatus = 255;  // as runc's shim reports when it cannot know

}  // namespace

absl::Status Container::Start(const std::string& exec_id) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, FindProcess(exec_id));
  if (!process->is_init()) {
    const std::string what = StrCat("start exec ", exec_id);
    if (init_->status().state != ProcessState::kRunning) {
      return absl::FailedPreconditionError(StrCat(what, ": container ", id(), " is not running"));
    }
    CC_RETURN_IF_ERROR(Annotate(CheckExec(), what));
  }
  CC_RETURN_IF_ERROR(Annotate(process->BeginStart(), StrCat("start ", exec_id.empty() ? id() : exec_id)));
  absl::Status status = StartInGuest(*process);
  if (status.ok()) status = StartStreams(*process);
  if (!status.ok()) {
    // There is no second try: the client waits for the end of the streams before it deletes the process.
    process->SetExited(kUnknownStatus);
    process->streams().Cancel();
    return status;
  }
  if (process->is_init()) {
    containerd::events::TaskStart event;
    event.set_container_id(id());
    event.set_pid(Pid());
    context_.events->Publish("/tasks/start", "TaskStart", event);
  } else {
    containerd::events::TaskExecStarted event;
    event.set_container_id(id());
    event.set_exec_id(exec_id);
    event.set_pid(Pid());
    context_.events->Publish("/tasks/exec-started", "TaskExecStarted", event);
    Watch(process);
  }
  process->EndStart();  // from here on the exit may be published
  if (process->is_init()) TrimMemory();
  return absl::OkStatus();
}

absl::Status Container::StartInGuest(const Process& process) {
  CC_ASSIGN_OR_RETURN(const auto agent, ResponsiveAgent());
  if (process.is_init()) {
    // The network may have been attached between Create and Start.
    CC_RETURN_IF_ERROR(context_.sandbox->SyncNetwork());
    grpc::StartContainerRequest request;
    request.set_container_id(id());
    return Annotate(agent->StartContainer(request, kStartTimeout).status(), StrCat("start container ", id()));
  }
  grpc::ExecProcessRequest request;
  request.set_container_id(id());
  request.set_exec_id(process.exec_id());
  *request.mutable_process() = process.spec();
  return Annotate(agent->ExecProcess(request, kStartTimeout).status(),
                  StrCat("start exec ", process.exec_id()));
}

absl::Status Container::StartStreams(Process& process) {
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  return Annotate(process.streams().Start(StreamsOf(process, agent)), "start the standard streams");
}

GuestStreams Container::StreamsOf(const Process& process,
                                  const std::shared_ptr<agent_proto::AgentClient>& agent) const {
  grpc::ReadStreamRequest read;
  read.set_container_id(id());
  read.set_exec_id(GuestExecId(process));
  read.set_len(kStreamChunk);
  grpc::WriteStreamRequest write;
  write.set_container_id(id());
  write.set_exec_id(GuestExecId(process));
  GuestStreams streams;
  const auto take = [](absl::StatusOr<grpc::ReadStreamResponse> answer) -> absl::StatusOr<std::string> {
    if (!answer.ok()) return answer.status();
    return std::move(*answer->mutable_data());
  };
  streams.read_stdout = [agent, read, take] { return take(agent->ReadStdout(read)); };
  if (!process.paths().terminal)
    streams.read_stderr = [agent, read, take] { return take(agent->ReadStderr(read)); };
  streams.write_stdin = [agent, write](std::string data) mutable -> absl::Status {
    write.set_data(std::move(data));
    while (!write.data().empty()) {
      CC_ASSIGN_OR_RETURN(const grpc::WriteStreamResponse answer, agent->WriteStdin(write));
      if (answer.len() == 0 || answer.len() > write.data().size()) {
        return absl::InternalError("the guest took an impossible number of bytes");
      }
      write.mutable_data()->erase(0, answer.len());
    }
    return absl::OkStatus();
  };
  streams.close_stdin = [agent, terminal = process.paths().terminal, container = id(),
                         exec = GuestExecId(process)]() -> absl::Status {
    if (terminal) return absl::OkStatus();  // the end of input of a terminal is a character, not a close
    grpc::CloseStdinRequest request;
    request.set_container_id(container);
    request.set_exec_id(exec);
    return agent->CloseStdin(request, kStartTimeout).status();
  };
  return streams;
}

void Container::Watch(const std::shared_ptr<Process>& process) {
  if (!process->is_init()) {
    const std::lock_guard lock(mutex_);
    ++watched_execs_;
  }
  absl::StatusOr<Thread> watcher =
      Thread::Start("exit", [self = shared_from_this(), process] { self->WatchUntilExit(process); });
  if (watcher.ok()) {
    watcher->Detach();
    return;
  }
  log::Error("no thread to wait for a process", {{"container", id()}, {"error", watcher.status()}});
  End(*process, kUnknownStatus);
  if (!process->is_init()) {
    const std::lock_guard lock(mutex_);
    --watched_execs_;
  }
}

void Container::WatchUntilExit(const std::shared_ptr<Process>& process) {
  // The agent forgets a process's streams once its exit was asked for, so all output comes first.
  if (process->WaitStartedOrAbandoned()) process->streams().WaitDrained();
  if (process->status().state == ProcessState::kStopped) return;  // an init process that could not be started
  const uint32_t status = ExitStatus(*process);
  if (process->is_init()) {
    CollectTerminationMessage();
    WaitForExecs();
  }
  End(*process, status);
  if (!process->is_init()) {
    const std::lock_guard lock(mutex_);
    --watched_execs_;
    changed_.notify_all();
  }
}

uint32_t Container::ExitStatus(const Process& process) const {
  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> agent = Agent();
  if (!agent.ok()) return kKilledStatus;
  grpc::WaitProcessRequest request;
  request.set_container_id(id());
  request.set_exec_id(GuestExecId(process));
  absl::StatusOr<grpc::WaitProcessResponse> answer = (*agent)->WaitProcess(request);
  if (answer.ok()) return static_cast<uint32_t>(answer->status()) & 0xff;
  // The connection goes a moment before the VM is known to be dead.
  if (answer.status().code() == absl::StatusCode::kUnavailable) return kKilledStatus;
  log::Error("exit status not known",
             {{"container", id()}, {"exec", process.exec_id()}, {"error", answer.status()}});
  return kUnknownStatus;
}

void Container::CollectTerminationMessage() const {
  if (!termination_log_.has_value()) return;
  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> agent = Agent();
  if (!agent.ok()) return;
  grpc::GetDiagnosticDataRequest request;
  request.set_container_id(id());
  request.set_log_type("termination_log");
  const absl::StatusOr<grpc::GetDiagnosticDataResponse> answer =
      (*agent)->GetDiagnosticData(request, kTerminationTimeout);
  const absl::Status status =
      answer.ok() ? WriteTerminationMessage(*termination_log_, answer->data()) : answer.status();
  if (!status.ok()) log::Warning("no termination message", {{"container", id()}, {"error", status}});
}

void Container::WaitForExecs() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kExecsTimeout, [this] { return watched_execs_ == 0; });
}

void Container::End(Process& process, uint32_t status) {
  process.SetExited(status, [&](const ProcessExit& exit) {
    containerd::events::TaskExit event;
    event.set_container_id(id());
    event.set_id(process.is_init() ? id() : process.exec_id());
    event.set_pid(Pid());
    event.set_exit_status(exit.status);
    *event.mutable_exited_at() = exit.at;
    context_.events->Publish("/tasks/exit", "TaskExit", event);
  });
}

void Container::OnSandboxEnd() {
  // Running processes learn it from their broken streams; the others from here.
  for (const auto& process : Processes()) {
    process->Abandon();
    process->streams().RequestCancel();
    // Nobody watches an exec that was never started, but somebody may wait for it.
    if (!process->is_init() && process->status().state == ProcessState::kCreated) {
      process->SetExited(kKilledStatus);
    }
  }
}

}  // namespace cc::shim
