// SPDX-License-Identifier: Apache-2.0
// The pod's network, as the host's CNI configured it.
#include "agent/net/links.h"
#include "agent/net/routes.h"
#include "agent/rpc/services.h"
#include "base/status.h"
#include "kata/agent.pb.h"

namespace cc::agent {

using ttrpc::CallContext;

void RegisterNetwork(ttrpc::Server* server) {
  server->Handle<grpc::UpdateInterfaceRequest, types::Interface>(
      agent_proto::kAgentService, "UpdateInterface",
      [](const CallContext&, const auto& in, auto& out) -> absl::Status {
        if (!in.has_interface()) return absl::InvalidArgumentError("the request has no interface");
        CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
        CC_RETURN_IF_ERROR(UpdateInterface(netlink, in.interface()));
        out = in.interface();
        return absl::OkStatus();
      });
  server->Handle<grpc::UpdateRoutesRequest, grpc::Routes>(
      agent_proto::kAgentService, "UpdateRoutes",
      [](const CallContext&, const auto& in, auto& out) -> absl::Status {
        CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
        CC_RETURN_IF_ERROR(UpdateRoutes(netlink, in.routes()));
        return ListRoutes(netlink, &out);
      });
  server->Handle<grpc::ListInterfacesRequest, grpc::Interfaces>(
      agent_proto::kAgentService, "ListInterfaces",
      [](const CallContext&, const auto&, auto& out) -> absl::Status {
        CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
        return ListInterfaces(netlink, &out);
      });
  server->Handle<grpc::ListRoutesRequest, grpc::Routes>(
      agent_proto::kAgentService, "ListRoutes",
      [](const CallContext&, const auto&, auto& out) -> absl::Status {
        CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
        return ListRoutes(netlink, &out);
      });
  HandleEmpty<grpc::AddARPNeighborsRequest>(server, "AddARPNeighbors",
                                            [](const CallContext&, const auto& in) -> absl::Status {
                                              CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
                                              return AddNeighbors(netlink, in.neighbors());
                                            });
}

}  // namespace cc::agent
