// SPDX-License-Identifier: Apache-2.0
// The RPCs of grpc.AgentService and grpc.Health by name. Each Register function adds one group; handlers are
// thin: they call the modules beside this one.
#ifndef CC_AGENT_RPC_SERVICES_H_
#define CC_AGENT_RPC_SERVICES_H_

#include <google/protobuf/empty.pb.h>

#include <string_view>
#include <utility>

#include "agent/policy/agent_policy.h"
#include "agent/run/sandbox.h"
#include "agent_proto/names.h"
#include "ttrpc/server.h"

namespace cc::agent {

// All of them. `sandbox` and `policy` outlive the server. That the policy allows a request is for the
// server's interceptor to see (AllowedBy), but for reading streams.
void RegisterServices(ttrpc::Server* server, Sandbox* sandbox, AgentPolicy* policy);

// What the policy says of an invocation. Output streams always pass: a process whose output nobody takes
// would stop, so ReadStdout and ReadStderr take it and answer with nothing.
absl::Status AllowedBy(AgentPolicy& policy, const ttrpc::Server::Invocation& invocation);

void RegisterHealth(ttrpc::Server* server);
void RegisterContainers(ttrpc::Server* server, Sandbox* sandbox);
void RegisterStreams(ttrpc::Server* server, Sandbox* sandbox, AgentPolicy* policy);
void RegisterSandbox(ttrpc::Server* server, Sandbox* sandbox);
void RegisterGuest(ttrpc::Server* server, Sandbox* sandbox);
void RegisterNetwork(ttrpc::Server* server);
void RegisterObservation(ttrpc::Server* server, Sandbox* sandbox);
void RegisterPolicy(ttrpc::Server* server, AgentPolicy* policy);
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
