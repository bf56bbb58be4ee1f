// SPDX-License-Identifier: Apache-2.0
// Typed client of the guest agent: one method per RPC of grpc.AgentService and grpc.Health. Thread-safe,
// any number of calls at once; WaitProcess, GetOOMEvent and the stream reads block as long as they must.
//
//   AgentClient agent(std::move(connected_fd));
//   CC_RETURN_IF_ERROR(agent.CreateSandbox(request, std::chrono::seconds(30)).status());
//
// The answers come from the guest: treat them as hostile. Errors are those of ttrpc::Client.
#ifndef CC_AGENT_PROTO_AGENT_CLIENT_H_
#define CC_AGENT_PROTO_AGENT_CLIENT_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent_proto/guest_error.h"
#include "agent_proto/names.h"
#include "base/unique_fd.h"
#include "google/protobuf/empty.pb.h"
#include "kata/agent.pb.h"
#include "kata/csi.pb.h"
#include "kata/health.pb.h"
#include "kata/types.pb.h"
#include "ttrpc/client.h"

namespace cc::agent_proto {

class AgentClient {
 public:
  using Empty = google::protobuf::Empty;
  using Timeout = std::optional<std::chrono::nanoseconds>;  // nullopt = wait for ever

  // A stream that is already connected to the agent (dial.h).
  explicit AgentClient(UniqueFd connection) : client_(std::move(connection)) {}

  // Fails all calls in flight with Unavailable. Idempotent; safe from any thread.
  void Close() { client_.Close(); }
  // Runs once, from the reader thread, when the connection has ended.
  void OnClose(std::function<void()> callback) { client_.OnClose(std::move(callback)); }

  // Health.
  absl::StatusOr<grpc::HealthCheckResponse> Check(const grpc::CheckRequest& in, Timeout timeout = {}) {
    return Call<grpc::HealthCheckResponse>(kHealthService, "Check", in, timeout);
  }
  absl::StatusOr<grpc::VersionCheckResponse> Version(const grpc::CheckRequest& in, Timeout timeout = {}) {
    return Call<grpc::VersionCheckResponse>(kHealthService, "Version", in, timeout);
  }

  // Sandbox.
  absl::StatusOr<Empty> CreateSandbox(const grpc::CreateSandboxRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "CreateSandbox", in, timeout);
  }
  absl::StatusOr<Empty> DestroySandbox(const grpc::DestroySandboxRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "DestroySandbox", in, timeout);
  }
  absl::StatusOr<grpc::GuestDetailsResponse> GetGuestDetails(const grpc::GuestDetailsRequest& in,
                                                             Timeout timeout = {}) {
    return Call<grpc::GuestDetailsResponse>(kAgentService, "GetGuestDetails", in, timeout);
  }
  absl::StatusOr<Empty> OnlineCPUMem(const grpc::OnlineCPUMemRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "OnlineCPUMem", in, timeout);
  }
  absl::StatusOr<Empty> MemHotplugByProbe(const grpc::MemHotplugByProbeRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "MemHotplugByProbe", in, timeout);
  }
  absl::StatusOr<Empty> ReseedRandomDev(const grpc::ReseedRandomDevRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "ReseedRandomDev", in, timeout);
  }
  absl::StatusOr<Empty> SetGuestDateTime(const grpc::SetGuestDateTimeRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "SetGuestDateTime", in, timeout);
  }
  absl::StatusOr<Empty> CopyFile(const grpc::CopyFileRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "CopyFile", in, timeout);
  }
  absl::StatusOr<Empty> SetPolicy(const grpc::SetPolicyRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "SetPolicy", in, timeout);
  }
  absl::StatusOr<Empty> AddSwap(const grpc::AddSwapRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "AddSwap", in, timeout);
  }
  absl::StatusOr<Empty> AddSwapPath(const grpc::AddSwapPathRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "AddSwapPath", in, timeout);
  }
  absl::StatusOr<Empty> MemAgentMemcgSet(const grpc::MemAgentMemcgConfig& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "MemAgentMemcgSet", in, timeout);
  }
  absl::StatusOr<Empty> MemAgentCompactSet(const grpc::MemAgentCompactConfig& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "MemAgentCompactSet", in, timeout);
  }

  // Containers and processes.
  absl::StatusOr<Empty> CreateContainer(const grpc::CreateContainerRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "CreateContainer", in, timeout);
  }
  absl::StatusOr<Empty> StartContainer(const grpc::StartContainerRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "StartContainer", in, timeout);
  }
  absl::StatusOr<Empty> RemoveContainer(const grpc::RemoveContainerRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "RemoveContainer", in, timeout);
  }
  absl::StatusOr<Empty> UpdateContainer(const grpc::UpdateContainerRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "UpdateContainer", in, timeout);
  }
  absl::StatusOr<Empty> UpdateEphemeralMounts(const grpc::UpdateEphemeralMountsRequest& in,
                                              Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "UpdateEphemeralMounts", in, timeout);
  }
  absl::StatusOr<grpc::StatsContainerResponse> StatsContainer(const grpc::StatsContainerRequest& in,
                                                              Timeout timeout = {}) {
    return Call<grpc::StatsContainerResponse>(kAgentService, "StatsContainer", in, timeout);
  }
  absl::StatusOr<Empty> PauseContainer(const grpc::PauseContainerRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "PauseContainer", in, timeout);
  }
  absl::StatusOr<Empty> ResumeContainer(const grpc::ResumeContainerRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "ResumeContainer", in, timeout);
  }
  absl::StatusOr<Empty> RemoveStaleVirtiofsShareMounts(const grpc::RemoveStaleVirtiofsShareMountsRequest& in,
                                                       Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "RemoveStaleVirtiofsShareMounts", in, timeout);
  }
  absl::StatusOr<Empty> ExecProcess(const grpc::ExecProcessRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "ExecProcess", in, timeout);
  }
  absl::StatusOr<Empty> SignalProcess(const grpc::SignalProcessRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "SignalProcess", in, timeout);
  }
  absl::StatusOr<grpc::WaitProcessResponse> WaitProcess(const grpc::WaitProcessRequest& in,
                                                        Timeout timeout = {}) {
    return Call<grpc::WaitProcessResponse>(kAgentService, "WaitProcess", in, timeout);
  }

  // Streams.
  absl::StatusOr<grpc::WriteStreamResponse> WriteStdin(const grpc::WriteStreamRequest& in,
                                                       Timeout timeout = {}) {
    return Call<grpc::WriteStreamResponse>(kAgentService, "WriteStdin", in, timeout);
  }
  absl::StatusOr<grpc::ReadStreamResponse> ReadStdout(const grpc::ReadStreamRequest& in,
                                                      Timeout timeout = {}) {
    return Call<grpc::ReadStreamResponse>(kAgentService, "ReadStdout", in, timeout);
  }
  absl::StatusOr<grpc::ReadStreamResponse> ReadStderr(const grpc::ReadStreamRequest& in,
                                                      Timeout timeout = {}) {
    return Call<grpc::ReadStreamResponse>(kAgentService, "ReadStderr", in, timeout);
  }
  absl::StatusOr<Empty> CloseStdin(const grpc::CloseStdinRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "CloseStdin", in, timeout);
  }
  absl::StatusOr<Empty> TtyWinResize(const grpc::TtyWinResizeRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "TtyWinResize", in, timeout);
  }

  // Network.
  absl::StatusOr<types::Interface> UpdateInterface(const grpc::UpdateInterfaceRequest& in,
                                                   Timeout timeout = {}) {
    return Call<types::Interface>(kAgentService, "UpdateInterface", in, timeout);
  }
  absl::StatusOr<grpc::Routes> UpdateRoutes(const grpc::UpdateRoutesRequest& in, Timeout timeout = {}) {
    return Call<grpc::Routes>(kAgentService, "UpdateRoutes", in, timeout);
  }
  absl::StatusOr<grpc::Interfaces> ListInterfaces(const grpc::ListInterfacesRequest& in,
                                                  Timeout timeout = {}) {
    return Call<grpc::Interfaces>(kAgentService, "ListInterfaces", in, timeout);
  }
  absl::StatusOr<grpc::Routes> ListRoutes(const grpc::ListRoutesRequest& in, Timeout timeout = {}) {
    return Call<grpc::Routes>(kAgentService, "ListRoutes", in, timeout);
  }
  absl::StatusOr<Empty> AddARPNeighbors(const grpc::AddARPNeighborsRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "AddARPNeighbors", in, timeout);
  }
  absl::StatusOr<grpc::GetIPTablesResponse> GetIPTables(const grpc::GetIPTablesRequest& in,
                                                        Timeout timeout = {}) {
    return Call<grpc::GetIPTablesResponse>(kAgentService, "GetIPTables", in, timeout);
  }
  absl::StatusOr<grpc::SetIPTablesResponse> SetIPTables(const grpc::SetIPTablesRequest& in,
                                                        Timeout timeout = {}) {
    return Call<grpc::SetIPTablesResponse>(kAgentService, "SetIPTables", in, timeout);
  }

  // Observation.
  absl::StatusOr<grpc::OOMEvent> GetOOMEvent(const grpc::GetOOMEventRequest& in, Timeout timeout = {}) {
    return Call<grpc::OOMEvent>(kAgentService, "GetOOMEvent", in, timeout);
  }
  absl::StatusOr<grpc::Metrics> GetMetrics(const grpc::GetMetricsRequest& in, Timeout timeout = {}) {
    return Call<grpc::Metrics>(kAgentService, "GetMetrics", in, timeout);
  }
  absl::StatusOr<grpc::GetDiagnosticDataResponse> GetDiagnosticData(const grpc::GetDiagnosticDataRequest& in,
                                                                    Timeout timeout = {}) {
    return Call<grpc::GetDiagnosticDataResponse>(kAgentService, "GetDiagnosticData", in, timeout);
  }
  absl::StatusOr<grpc::VolumeStatsResponse> GetVolumeStats(const grpc::VolumeStatsRequest& in,
                                                           Timeout timeout = {}) {
    return Call<grpc::VolumeStatsResponse>(kAgentService, "GetVolumeStats", in, timeout);
  }
  absl::StatusOr<Empty> ResizeVolume(const grpc::ResizeVolumeRequest& in, Timeout timeout = {}) {
    return Call<Empty>(kAgentService, "ResizeVolume", in, timeout);
  }

 private:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(std::string_view service, std::string_view method, const Request& in,
                                Timeout timeout) {
    absl::StatusOr<Response> out =
        client_.Call<Response>(service, method, in, {.timeout = timeout, .metadata = {}});
    if (!out.ok()) return GuestError(out.status());
    return out;
  }

  ttrpc::Client client_;
};

}  // namespace cc::agent_proto

#endif  // CC_AGENT_PROTO_AGENT_CLIENT_H_
