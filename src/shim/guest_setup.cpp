// SPDX-License-Identifier: Apache-2.0
#include "shim/guest_setup.h"

#include "base/log.h"
#include "base/status.h"

namespace cc::shim {
namespace {

grpc::Storage SharedMemory() {
  grpc::Storage shm;
  shm.set_driver("ephemeral");
  shm.set_source("shm");
  shm.set_fstype("tmpfs");
  for (const char* option : {"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"})
    shm.add_options(option);
  shm.set_mount_point("/run/kata-containers/sandbox/shm");
  return shm;
}

}  // namespace

pod_net::GuestCalls GuestNetworkCalls(const std::shared_ptr<agent_proto::AgentClient>& agent,
                                      std::chrono::seconds limit) {
  return {.update_interface =
              [agent, limit](const types::Interface& interface) {
                grpc::UpdateInterfaceRequest request;
                *request.mutable_interface() = interface;
                return agent->UpdateInterface(request, limit).status();
              },
          .update_routes =
              [agent, limit](const grpc::Routes& routes) {
                grpc::UpdateRoutesRequest request;
                *request.mutable_routes() = routes;
                return agent->UpdateRoutes(request, limit).status();
              },
          .add_neighbors =
              [agent, limit](const grpc::ARPNeighbors& neighbors) {
                grpc::AddARPNeighborsRequest request;
                *request.mutable_neighbors() = neighbors;
                return agent->AddARPNeighbors(request, limit).status();
              }};
}

absl::Status CreateSandboxInGuest(agent_proto::AgentClient& agent, const std::string& id,
                                  const PodIdentity& identity, std::chrono::seconds limit) {
  grpc::CreateSandboxRequest request;
  constexpr size_t kMaxHostname = 64;
  request.set_hostname(identity.hostname.substr(0, kMaxHostname));
  for (const std::string& line : identity.dns) request.add_dns(line);
  request.set_sandbox_id(id);
  *request.add_storages() = SharedMemory();
  return Annotate(agent.CreateSandbox(request, limit).status(), "create the sandbox in the guest");
}

// As Kata's runtime does it, but after the first requests, which wait for the guest's set-up: the time must
// not be old. Not every machine has a clock that runs before its guest (cc-vmm has none): there the day would
// be 1970, and no certificate valid.
void SetGuestClock(agent_proto::AgentClient& agent, std::chrono::seconds limit) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  grpc::SetGuestDateTimeRequest request;
  request.set_sec(seconds.count());
  request.set_usec(std::chrono::duration_cast<std::chrono::microseconds>(now - seconds).count());
  const absl::Status status = agent.SetGuestDateTime(request, limit).status();
  if (!status.ok()) log::Warning("the guest's clock was not set", {{"error", status}});
}

}  // namespace cc::shim
