// SPDX-License-Identifier: Apache-2.0
// The RPCs of grpc.AgentService and grpc.Health by name. Each Register function adds one group; handlers are
// thin: they call the modules beside this one.
#ifndef CC_AGENT_RPC_SERVICES_H_
#define CC_AGENT_RPC_SERVICES_H_

#include <google/protobuf/empty.pb.h>

#include <string_view>
#include <utility>

#include "agent/run/sandbox.h"
#include "agent_proto/names.h"
#include "ttrpc/server.h"

namespace cc::agent {

// All of them. `sandbox` outlives the server.
void RegisterServices(ttrpc::Server* server, Sandbox* sandbox);

void RegisterHealth(ttrpc::Server* server);
void RegisterContainers(ttrpc::Server* server, Sandbox* sandbox);
void RegisterStreams(ttrpc::Server* server, Sandbox* sandbox);
void RegisterSandbox(ttrpc::Server* server, Sandbox* sandbox);
void RegisterGuest(ttrpc::Server* server, Sandbox* sandbox);
void RegisterNetwork(ttrpc::Server* server);
void RegisterObservation(ttrpc::Server* server, Sandbox* sandbox);
// What upstream's protocol has and this agent refuses, each with the reason.
void RegisterRefused(ttrpc::Server* server);

// A method without a result: `handler(call, request)` returns a status.
template <typename Request, typename Handler>
void HandleEmpty(ttrpc::Server* server, std::string_view method, Handler handler) {
  server->Handle<Request, google::protobuf::Empty>(
      agent_proto::kAgentService, method,
      [handler = std::move(handler)](const ttrpc::CallContext& call, const Request& in,
                                     google::protobuf::Empty&) { return handler(call, in); });
}

}  // namespace cc::agent

#endif  // CC_AGENT_RPC_SERVICES_H_
