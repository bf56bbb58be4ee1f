// SPDX-License-Identifier: Apache-2.0
#include "agent/rpc/services.h"

#include "kata/agent.pb.h"
#include "kata/health.pb.h"

namespace cc::agent {
namespace {

// Version of the agent's protocol as upstream's agent states it.
constexpr char kProtocolVersion[] = "0.0.1";

}  // namespace

void RegisterHealth(ttrpc::Server* server) {
  server->Handle<grpc::CheckRequest, grpc::HealthCheckResponse>(
      agent_proto::kHealthService, "Check",
      [](const ttrpc::CallContext&, const grpc::CheckRequest&, grpc::HealthCheckResponse& out) {
        out.set_status(grpc::HealthCheckResponse::SERVING);
        return absl::OkStatus();
      });
  server->Handle<grpc::CheckRequest, grpc::VersionCheckResponse>(
      agent_proto::kHealthService, "Version",
      [](const ttrpc::CallContext&, const grpc::CheckRequest&, grpc::VersionCheckResponse& out) {
        out.set_grpc_version(kProtocolVersion);
        out.set_agent_version(CC_VERSION);
        return absl::OkStatus();
      });
}

absl::Status AllowedBy(AgentPolicy& policy, const ttrpc::Server::Invocation& invocation) {
  const bool ours = invocation.service == agent_proto::kAgentService;
  if (!ours || invocation.request_type.empty()) return absl::OkStatus();
  if (invocation.request_type == grpc::ReadStreamRequest().GetTypeName()) return absl::OkStatus();
  return policy.Check(invocation.request_type, invocation.payload);
}

void RegisterPolicy(ttrpc::Server* server, AgentPolicy* policy) {
  HandleEmpty<grpc::SetPolicyRequest>(server, "SetPolicy",
                                      [policy](const ttrpc::CallContext&, const grpc::SetPolicyRequest& in) {
                                        return policy->Set(in.policy());
                                      });
}

void RegisterServices(ttrpc::Server* server, Sandbox* sandbox, AgentPolicy* policy) {
  RegisterHealth(server);
  RegisterContainers(server, sandbox);
  RegisterStreams(server, sandbox, policy);
  RegisterPolicy(server, policy);
  RegisterSandbox(server, sandbox);
  RegisterGuest(server, sandbox);
  RegisterNetwork(server);
  RegisterObservation(server, sandbox);
  RegisterRefused(server);
}

}  // namespace cc::agent
