// SPDX-License-Identifier: Apache-2.0
#include "agent/run/exec.h"

#include <signal.h>

#include <string>

#include "agent/oci/id.h"
#include "agent/oci/image_process.h"
#include "agent/oci/process_json.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxStatus = 64 * 1024;

absl::Status Launch(Sandbox& sandbox, Container& container, const std::string& exec_id,
                    const grpc::Process& process) {
  const Reaper::Expectation expectation(&sandbox.reaper());
  CC_ASSIGN_OR_RETURN(StartedProcess started,
                      sandbox.crun().Exec(container.id(), ProcessText(process), process.terminal()));
  auto running = std::make_shared<Process>(started.pid, std::move(started.streams));
  sandbox.reaper().Watch(running);
  container.AddExec(exec_id, std::move(running));
  return absl::OkStatus();
}

}  // namespace

absl::Status ExecProcess(Sandbox& sandbox, const grpc::ExecProcessRequest& request) {
  CC_RETURN_IF_ERROR(CheckId(request.container_id()));
  CC_RETURN_IF_ERROR(CheckId(request.exec_id()));
  if (!request.has_process()) return absl::InvalidArgumentError("the request has no process");
  if (request.stdin_port() != 0 || request.stdout_port() != 0 || request.stderr_port() != 0) {
    return absl::UnimplementedError("streams by descriptor passing are not supported; leave the ports 0");
  }
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(request.container_id()));
  if (request.process().args().empty()) return absl::InvalidArgumentError("the process has no command");
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> init, container->Init());
  if (init->exit_status().has_value()) {
    return absl::FailedPreconditionError(StrCat("container ", container->id(), " is not running"));
  }
  CC_RETURN_IF_ERROR(container->ReserveExec(request.exec_id()));
  grpc::Process process = request.process();
  FillProcess(container->facts().process, &process);
  const absl::Status status = Launch(sandbox, *container, request.exec_id(), process);
  if (!status.ok()) container->DropExec(request.exec_id());
  return status;
}

bool HandlesSignal(std::string_view status, int signal) {
  for (std::string_view line : StrSplit(status, '\n')) {
    const SplitPair pair = SplitOnce(line, ':');
    uint64_t mask = 0;
    if (pair.first != "SigCgt" || !ParseNumber(StrTrim(pair.second), &mask, 16)) continue;
    return (mask >> (signal - 1) & 1U) != 0;
  }
  return false;
}

absl::Status SignalProcess(Sandbox& sandbox, const grpc::SignalProcessRequest& request) {
  CC_RETURN_IF_ERROR(CheckId(request.container_id()));
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(request.container_id()));
  int signal = static_cast<int>(request.signal());
  if (request.exec_id().empty() && signal == SIGKILL) {
    if (container->creating()) container->cancel()->Set();
    return sandbox.CgroupOf(*container).Kill();
  }
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, container->FindProcess(request.exec_id()));
  const bool is_init = request.exec_id().empty() || request.exec_id() == container->id();
  if (is_init && signal == SIGTERM) {
    absl::StatusOr<std::string> status = ReadFile(StrCat("/proc/", process->pid(), "/status"), kMaxStatus);
    if (status.ok() && !HandlesSignal(*status, SIGTERM)) signal = SIGKILL;
  }
  return process->Signal(signal);
}

}  // namespace cc::agent
