// SPDX-License-Identifier: Apache-2.0
// Standard streams and terminals of processes.
#include <algorithm>

#include "agent/rpc/services.h"
#include "base/status.h"
#include "kata/agent.pb.h"

namespace cc::agent {
namespace {

using ttrpc::CallContext;

// An answer with its frame stays well below ttrpc's 4 MiB.
constexpr uint32_t kMaxRead = 1 << 20;

// A latch that the call's end sets.
absl::StatusOr<std::shared_ptr<Latch>> CancelLatch(const CallContext& call) {
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> latch, Latch::Create());
  call.OnCancel([latch] { latch->Set(); });
  return latch;
}

// Where the policy does not let the host see the output it is taken all the same, and to the host the stream
// has nothing in it until it ends.
absl::Status ReadStream(Sandbox& sandbox, AgentPolicy& policy, const CallContext& call,
                        Streams::Source source, const grpc::ReadStreamRequest& in,
                        grpc::ReadStreamResponse& out) {
  if (in.len() == 0)
    return absl::InvalidArgumentError("a read of no bytes would look like the end of the stream");
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process,
                      sandbox.FindProcess(in.container_id(), in.exec_id()));
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Latch> cancel, CancelLatch(call));
  const bool visible = policy.Check(in.GetTypeName(), in.SerializeAsString()).ok();
  do {
    CC_ASSIGN_OR_RETURN(*out.mutable_data(),
                        process->streams().Read(source, std::min(in.len(), kMaxRead), *cancel));
  } while (!visible && !out.data().empty());
  return absl::OkStatus();
}

absl::Status WriteStdin(Sandbox& sandbox, const CallContext& call, const grpc::WriteStreamRequest& in,
                        grpc::WriteStreamResponse& out) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> process,
                      sandbox.FindProcess(in.container_id(), in.exec_id()));
  if (in.data().empty()) {
    process->streams().CloseStdin();
    return absl::OkStatus();
  }
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Latch> cancel, CancelLatch(call));
  CC_RETURN_IF_ERROR(process->streams().Write(in.data(), *cancel));
  out.set_len(static_cast<uint32_t>(in.data().size()));
  return absl::OkStatus();
}

}  // namespace

void RegisterStreams(ttrpc::Server* server, Sandbox* sandbox, AgentPolicy* policy) {
  server->Handle<grpc::ReadStreamRequest, grpc::ReadStreamResponse>(
      agent_proto::kAgentService, "ReadStdout",
      [sandbox, policy](const CallContext& call, const auto& in, auto& out) {
        return ReadStream(*sandbox, *policy, call, Streams::Source::kStdout, in, out);
      });
  server->Handle<grpc::ReadStreamRequest, grpc::ReadStreamResponse>(
      agent_proto::kAgentService, "ReadStderr",
      [sandbox, policy](const CallContext& call, const auto& in, auto& out) {
        return ReadStream(*sandbox, *policy, call, Streams::Source::kStderr, in, out);
      });
  server->Handle<grpc::WriteStreamRequest, grpc::WriteStreamResponse>(
      agent_proto::kAgentService, "WriteStdin",
      [sandbox](const CallContext& call, const auto& in, auto& out) {
        return WriteStdin(*sandbox, call, in, out);
      });
  HandleEmpty<grpc::CloseStdinRequest>(
      server, "CloseStdin", [sandbox](const CallContext&, const auto& in) -> absl::Status {
        CC_ASSIGN_OR_RETURN(const auto process, sandbox->FindProcess(in.container_id(), in.exec_id()));
        process->streams().CloseStdin();
        return absl::OkStatus();
      });
  HandleEmpty<grpc::TtyWinResizeRequest>(
      server, "TtyWinResize", [sandbox](const CallContext&, const auto& in) -> absl::Status {
        CC_ASSIGN_OR_RETURN(const auto process, sandbox->FindProcess(in.container_id(), in.exec_id()));
        return process->streams().Resize(in.row(), in.column());
      });
}

}  // namespace cc::agent
