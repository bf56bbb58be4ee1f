// SPDX-License-Identifier: Apache-2.0
#include "shim/container.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "containerd/events.pb.h"
#include "shim/copy_files.h"
#include "shim/oci_spec.h"
#include "shim/stats.h"
#include "shim/trim.h"

namespace cc::shim {
namespace {

using containerd::task::v2::CreateTaskRequest;

// For calls that the guest answers at once.
constexpr std::chrono::seconds kCallTimeout{60};
// Callers poll statistics and send signals while they hold up others.
constexpr std::chrono::seconds kPollTimeout{10};
// A guest that takes no SIGKILL within the first and shows no sign of life within the second is ended as a
// whole: a forced delete never waits for it. One that is only busy has until the third.
constexpr std::chrono::seconds kForcedKillTimeout{2};
constexpr std::chrono::seconds kSignOfLife{1};
constexpr std::chrono::seconds kBusyKillTimeout{10};
constexpr std::chrono::seconds kRemoveTimeout{10};
// What a client has not read of a deleted process's output by then is lost.
constexpr std::chrono::seconds kDeleteDrain{2};

// A kubelet's client goes when containerd restarts, and comes again; that of a container of its own, or of an
// exec, is the one who gives the input.
StdioPaths PathsOf(const auto& request, bool of_pod) {
  return {.in = request.stdin(),
          .out = request.stdout(),
          .err = request.stderr(),
          .terminal = request.terminal(),
          .reattachable = of_pod || request.terminal()};
}

}  // namespace

absl::StatusOr<std::shared_ptr<Container>> Container::Make(ContainerContext context,
                                                           const CreateTaskRequest& request,
                                                           Grouping grouping) {
  const StdioPaths paths = PathsOf(request, grouping.kind != ContainerKind::kSingle);
  auto stdio = std::make_unique<Stdio>();
  CC_RETURN_IF_ERROR(Annotate(OpenStdio(paths, request.id(), context.namespace_name, stdio.get()),
                              StrCat("open the streams of container ", request.id())));
  std::shared_ptr<Container> container(new Container(std::move(context), request, std::move(grouping)));
  container->init_ = std::make_shared<Process>("", paths, std::make_unique<StreamPump>(std::move(stdio)));
  return container;
}

absl::Status Container::CreateInGuest(const GuestContainer& guest) {
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  termination_log_ = guest.termination_log;
  CC_RETURN_IF_ERROR(CopyVolumes(guest.copies, agent));
  const std::chrono::seconds limit(context_.sandbox->config().image.pull_timeout_s);
  absl::Status status = agent->CreateContainer(guest.request, limit).status();
  if (status.ok()) return status;
  context_.sandbox->volume_watch().Remove(id());
  if (const absl::Status end = context_.sandbox->EndStatus(); !end.ok()) return end;
  return Annotate(status, StrCat("create container ", id(), " in the guest"));
}

absl::Status Container::CopyVolumes(const std::vector<HostCopy>& copies,
                                    const std::shared_ptr<agent_proto::AgentClient>& agent) {
  if (copies.empty()) return absl::OkStatus();
  const CopyLimits limits{.bytes = uint64_t{context_.sandbox->config().volumes.copy_limit_mib} << 20};
  const CopyFileCall copy_file = [agent](const grpc::CopyFileRequest& copy) {
    return agent->CopyFile(copy, kCallTimeout).status();
  };
  std::atomic<uint64_t> bytes = 0;
  const auto begin = std::chrono::steady_clock::now();
  const absl::StatusOr<std::vector<std::string>> fingerprints =
      CopyIntoGuest(copies, limits, [&](const grpc::CopyFileRequest& copy) {
        bytes += copy.data().size();
        return copy_file(copy);
      });
  if (fingerprints.ok()) {
    const auto took = std::chrono::steady_clock::now() - begin;
    log::Info("files copied",
              {{"container", id()},
               {"mounts", copies.size()},
               {"bytes", bytes.load()},
               {"took", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
    context_.sandbox->volume_watch().Add(id(), copies, *fingerprints, limits, copy_file);
    return absl::OkStatus();
  }
  RemoveFromGuest();
  return fingerprints.status();
}

void Container::RemoveFromGuest() {
  context_.sandbox->volume_watch().Remove(id());
  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> agent = ResponsiveAgent();
  if (!agent.ok()) return;
  grpc::RemoveContainerRequest request;
  request.set_container_id(id());
  request.set_timeout(static_cast<uint32_t>(kRemoveTimeout.count()));
  const absl::Status status = (*agent)->RemoveContainer(request, kRemoveTimeout).status();
  // NotFound: only files had been copied for it.
  if (!status.ok() && !absl::IsNotFound(status))
    log::Warning("container not removed in the guest", {{"container", id()}, {"error", status}});
}

void Container::FinishCreation() {
  {
    const std::lock_guard lock(mutex_);
    created_ = true;
  }
  containerd::events::TaskCreate event;
  event.set_container_id(id());
  event.set_bundle(bundle());
  *event.mutable_rootfs() = request_.rootfs();
  event.mutable_io()->set_stdin(request_.stdin());
  event.mutable_io()->set_stdout(request_.stdout());
  event.mutable_io()->set_stderr(request_.stderr());
  event.mutable_io()->set_terminal(request_.terminal());
  event.set_pid(Pid());
  context_.events->Publish("/tasks/create", "TaskCreate", event);
  Watch(init_);
  context_.sandbox->OnEnd([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnSandboxEnd();
  });
}

absl::StatusOr<std::shared_ptr<Process>> Container::FindProcess(const std::string& exec_id) const {
  if (exec_id.empty()) return init_;
  const std::lock_guard lock(mutex_);
  const auto it = execs_.find(exec_id);
  if (it == execs_.end())
    return absl::NotFoundError(StrCat("exec ", exec_id, " in container ", id(), ": not found"));
  return it->second;
}

bool Container::created() const {
  const std::lock_guard lock(mutex_);
  return created_;
}

bool Container::paused() const {
  const std::lock_guard lock(mutex_);
  return paused_;
}

absl::Status Container::CheckExec() const {
  if (init_->status().state == ProcessState::kStopped) {
    return absl::FailedPreconditionError(StrCat("container ", id(), " is not running"));
  }
  // It would be frozen before its first instruction, and whoever waits for its start with it.
  if (paused())
    return absl::FailedPreconditionError(StrCat("container ", id(), " is paused; resume it first"));
  return absl::OkStatus();
}

absl::Status Container::AddExec(const containerd::task::v2::ExecProcessRequest& request) {
  if (request.exec_id().empty() || request.exec_id() == id()) {
    return absl::InvalidArgumentError("exec: the exec id must not be empty or that of the container");
  }
  CC_RETURN_IF_ERROR(Annotate(CheckExec(), StrCat("exec ", request.exec_id())));
  CC_ASSIGN_OR_RETURN(grpc::Process spec, ParseProcess(request.spec().value()));
  spec.set_terminal(request.terminal());
  spec.clear_apparmorprofile();
  spec.clear_selinuxlabel();
  const StdioPaths paths = PathsOf(request, /*of_pod=*/false);
  auto stdio = std::make_unique<Stdio>();
  CC_RETURN_IF_ERROR(Annotate(OpenStdio(paths, id(), context_.namespace_name, stdio.get()),
                              StrCat("open the streams of exec ", request.exec_id())));
  auto process = std::make_shared<Process>(request.exec_id(), paths,
                                           std::make_unique<StreamPump>(std::move(stdio)), std::move(spec));
  {
    const std::lock_guard lock(mutex_);
    if (!execs_.emplace(request.exec_id(), process).second) {
      return absl::AlreadyExistsError(
          StrCat("exec ", request.exec_id(), " in container ", id(), ": already exists"));
    }
  }
  containerd::events::TaskExecAdded event;
  event.set_container_id(id());
  event.set_exec_id(request.exec_id());
  context_.events->Publish("/tasks/exec-added", "TaskExecAdded", event);
  return absl::OkStatus();
}

absl::Status Container::Kill(const std::string& exec_id, uint32_t signal, bool all) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, FindProcess(exec_id));
  // The guest does not know an exec before it has started it.
  if (!process->is_init()) process->AwaitStart(kPollTimeout);
  const ProcessState state = process->status().state;
  if (state == ProcessState::kStopped) return absl::NotFoundError("process already finished");
  if (!process->is_init() && state == ProcessState::kCreated) {
    return absl::FailedPreconditionError(StrCat("exec ", exec_id, " has not been started"));
  }
  grpc::SignalProcessRequest request;
  request.set_container_id(id());
  // As in runc's shim, an exec is never "all".
  if (!all || !process->is_init()) request.set_exec_id(GuestExecId(*process));
  request.set_signal(signal);
  const bool forced = signal == SIGKILL;
  if (forced && process->is_init() && grouping_.kind == ContainerKind::kSandbox) {
    // The end of the pod, whose containers were stopped before: nothing in the guest needs to be asked for
    // that.
    EndSandbox("it was stopped");
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> agent = Agent();
  if (!agent.ok() && context_.sandbox->ended()) return absl::NotFoundError("process already finished");
  CC_RETURN_IF_ERROR(agent.status());
  const absl::Status status =
      forced ? ForceKill(**agent, request) : (*agent)->SignalProcess(request, kPollTimeout).status();
  // Gone meanwhile: its exit is on the way.
  if (!status.ok() && !absl::IsNotFound(status)) return Annotate(status, StrCat("send signal ", signal));
  // A container that was never started has nobody who waits for its end yet.
  if (process->is_init() && state == ProcessState::kCreated && (signal == SIGKILL || signal == SIGTERM)) {
    process->Abandon();
  }
  return absl::OkStatus();
}

void Container::EndSandbox(const std::string& reason) {
  absl::StatusOr<Thread> thread =
      Thread::Start("end", [sandbox = context_.sandbox, reason] { sandbox->Fail(reason); });
  if (thread.ok()) {
    thread->Detach();
  } else {
    context_.sandbox->Fail(reason);
  }
}

absl::Status Container::ForceKill(agent_proto::AgentClient& agent,
                                  const grpc::SignalProcessRequest& request) {
  absl::Status status = context_.sandbox->Responsive();
  if (status.ok()) {
    status = agent.SignalProcess(request, kForcedKillTimeout).status();
    if (absl::IsDeadlineExceeded(status) && agent.Check({}, kSignOfLife).ok()) {
      status = agent.SignalProcess(request, kBusyKillTimeout).status();
    }
    if (!absl::IsDeadlineExceeded(status)) return status;
  }
  EndSandbox(StrCat("its agent took no SIGKILL: ", MessageOf(status)));
  return absl::OkStatus();
}

absl::Status Container::Pause() {
  grpc::PauseContainerRequest request;
  request.set_container_id(id());
  if (init_->status().state != ProcessState::kRunning) {
    return absl::FailedPreconditionError(StrCat("pause container ", id(), ": it is not running"));
  }
  if (paused()) return absl::FailedPreconditionError(StrCat("pause container ", id(), ": it is paused"));
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  CC_RETURN_IF_ERROR(
      Annotate(agent->PauseContainer(request, kCallTimeout).status(), "pause container " + id()));
  {
    const std::lock_guard lock(mutex_);
    paused_ = true;
  }
  containerd::events::TaskPaused event;
  event.set_container_id(id());
  context_.events->Publish("/tasks/paused", "TaskPaused", event);
  return absl::OkStatus();
}

absl::Status Container::Resume() {
  grpc::ResumeContainerRequest request;
  request.set_container_id(id());
  if (init_->status().state != ProcessState::kRunning || !paused())
    return absl::FailedPreconditionError(StrCat("resume container ", id(), ": it is not paused"));
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  CC_RETURN_IF_ERROR(
      Annotate(agent->ResumeContainer(request, kCallTimeout).status(), "resume container " + id()));
  {
    const std::lock_guard lock(mutex_);
    paused_ = false;
  }
  containerd::events::TaskResumed event;
  event.set_container_id(id());
  context_.events->Publish("/tasks/resumed", "TaskResumed", event);
  return absl::OkStatus();
}

absl::Status Container::Resize(const std::string& exec_id, uint32_t width, uint32_t height) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, FindProcess(exec_id));
  if (!process->paths().terminal) return absl::FailedPreconditionError("resize: the process has no terminal");
  if (process->status().state == ProcessState::kStopped) {
    return absl::FailedPreconditionError("resize: the process has ended");
  }
  grpc::TtyWinResizeRequest request;
  request.set_container_id(id());
  request.set_exec_id(GuestExecId(*process));
  request.set_row(height);
  request.set_column(width);
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  return Annotate(agent->TtyWinResize(request, kCallTimeout).status(), "resize the terminal");
}

absl::Status Container::CloseInput(const std::string& exec_id) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, FindProcess(exec_id));
  process->streams().CloseInput();
  return absl::OkStatus();
}

absl::Status Container::Update(const google::protobuf::Any& resources) {
  grpc::UpdateContainerRequest request;
  request.set_container_id(id());
  CC_ASSIGN_OR_RETURN(*request.mutable_resources(), ParseResources(resources.value()));
  PruneResources(request.mutable_resources());
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  return Annotate(agent->UpdateContainer(request, kCallTimeout).status(), "update container " + id());
}

absl::StatusOr<google::protobuf::Any> Container::Stats() {
  grpc::StatsContainerRequest request;
  request.set_container_id(id());
  CC_ASSIGN_OR_RETURN(const auto agent, ResponsiveAgent());
  absl::StatusOr<grpc::StatsContainerResponse> stats = agent->StatsContainer(request, kPollTimeout);
  if (!stats.ok()) return Annotate(stats.status(), "statistics of container " + id());
  return ConvertStats(*stats, HostCgroupMode());
}

absl::Status Container::DeleteExec(const std::string& exec_id) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, FindProcess(exec_id));
  const ProcessState state = process->status().state;
  if (state == ProcessState::kRunning || state == ProcessState::kStarting) {
    return absl::FailedPreconditionError(StrCat("delete exec ", exec_id, ": it is running"));
  }
  process->SetExited(0);  // one that was never started
  process->streams().WaitFinished(kDeleteDrain);
  process->streams().Cancel();
  {
    const std::lock_guard lock(mutex_);
    execs_.erase(exec_id);
  }
  TrimMemory();
  return absl::OkStatus();
}

absl::Status Container::PrepareDelete() {
  const ProcessState state = init_->status().state;
  if (state == ProcessState::kRunning || state == ProcessState::kStarting) {
    return absl::FailedPreconditionError(StrCat("delete container ", id(), ": it is running; kill it first"));
  }
  init_->Abandon();
  if (state == ProcessState::kStopped) init_->streams().WaitFinished(kDeleteDrain);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> Container::ResponsiveAgent() const {
  CC_RETURN_IF_ERROR(context_.sandbox->Responsive());
  return Agent();
}

ProcessExit Container::Forget() {
  const std::vector<std::shared_ptr<Process>> processes = Processes();
  for (const auto& process : processes) process->streams().RequestCancel();
  for (const auto& process : processes) process->streams().Cancel();
  End(*init_, kKilledStatus);
  return init_->status().exit;
}

std::vector<std::shared_ptr<Process>> Container::Processes() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Process>> processes{init_};
  for (const auto& [exec_id, process] : execs_) processes.push_back(process);
  return processes;
}

uint32_t Container::Pid() const {
  return static_cast<uint32_t>(std::max<pid_t>(context_.sandbox->vm_pid(), 0));
}

}  // namespace cc::shim
