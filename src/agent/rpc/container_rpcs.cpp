// SPDX-License-Identifier: Apache-2.0
// Containers and processes.
#include <optional>

#include "agent/oci/id.h"
#include "agent/oci/spec_json.h"
#include "agent/rpc/services.h"
#include "agent/run/create_container.h"
#include "agent/run/exec.h"
#include "agent/run/release.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "kata/agent.pb.h"

namespace cc::agent {
namespace {

using ttrpc::CallContext;

absl::Status StartContainer(Sandbox& sandbox, const std::string& id) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(id));
  CC_RETURN_IF_ERROR(container->Init().status());
  CC_RETURN_IF_ERROR(sandbox.crun().Start(id));
  log::Info("container started", {{"container", id}});
  return absl::OkStatus();
}

absl::Status Remove(Sandbox& sandbox, const CallContext& call, const grpc::RemoveContainerRequest& in) {
  CC_RETURN_IF_ERROR(CheckId(in.container_id()));
  std::optional<std::chrono::seconds> timeout;
  if (in.timeout() > 0) timeout = std::chrono::seconds(in.timeout());
  return RemoveContainer(sandbox, call, in.container_id(), timeout);
}

// The devices a container may use are the guest's decision.
absl::Status UpdateContainer(Sandbox& sandbox, const grpc::UpdateContainerRequest& in) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(in.container_id()));
  CC_RETURN_IF_ERROR(container->Init().status());
  grpc::LinuxResources resources = in.resources();
  resources.clear_devices();
  return sandbox.crun().Update(in.container_id(), ResourcesText(resources));
}

absl::Status Freeze(Sandbox& sandbox, const std::string& id, bool frozen) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(id));
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> init, container->Init());
  if (init->exit_status().has_value()) {
    return absl::FailedPreconditionError(StrCat("container ", id, " is not running"));
  }
  return sandbox.CgroupOf(*container).Freeze(frozen);
}

absl::Status WaitProcess(Sandbox& sandbox, const CallContext& call, const grpc::WaitProcessRequest& in,
                         grpc::WaitProcessResponse& out) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(in.container_id()));
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process, container->FindProcess(in.exec_id()));
  CC_ASSIGN_OR_RETURN(const int status, process->Wait(call));
  out.set_status(status);
  container->Retire(in.exec_id());
  return absl::OkStatus();
}

}  // namespace

void RegisterContainers(ttrpc::Server* server, Sandbox* sandbox) {
  HandleEmpty<grpc::CreateContainerRequest>(
      server, "CreateContainer",
      [sandbox](const CallContext& call, const auto& in) { return CreateContainer(*sandbox, call, in); });
  HandleEmpty<grpc::StartContainerRequest>(
      server, "StartContainer",
      [sandbox](const CallContext&, const auto& in) { return StartContainer(*sandbox, in.container_id()); });
  HandleEmpty<grpc::RemoveContainerRequest>(
      server, "RemoveContainer",
      [sandbox](const CallContext& call, const auto& in) { return Remove(*sandbox, call, in); });
  HandleEmpty<grpc::UpdateContainerRequest>(
      server, "UpdateContainer",
      [sandbox](const CallContext&, const auto& in) { return UpdateContainer(*sandbox, in); });
  HandleEmpty<grpc::PauseContainerRequest>(
      server, "PauseContainer",
      [sandbox](const CallContext&, const auto& in) { return Freeze(*sandbox, in.container_id(), true); });
  HandleEmpty<grpc::ResumeContainerRequest>(
      server, "ResumeContainer",
      [sandbox](const CallContext&, const auto& in) { return Freeze(*sandbox, in.container_id(), false); });
  HandleEmpty<grpc::ExecProcessRequest>(server, "ExecProcess", [sandbox](const CallContext&, const auto& in) {
    return ExecProcess(*sandbox, in);
  });
  HandleEmpty<grpc::SignalProcessRequest>(
      server, "SignalProcess",
      [sandbox](const CallContext&, const auto& in) { return SignalProcess(*sandbox, in); });
  server->Handle<grpc::WaitProcessRequest, grpc::WaitProcessResponse>(
      agent_proto::kAgentService, "WaitProcess",
      [sandbox](const CallContext& call, const auto& in, auto& out) {
        return WaitProcess(*sandbox, call, in, out);
      });
}

}  // namespace cc::agent
