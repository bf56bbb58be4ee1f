// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "agent/rpc/services.h"

namespace cc::agent {
namespace {

void Refuse(ttrpc::Server* server, std::string_view method, const char* reason) {
  server->HandleRaw(agent_proto::kAgentService, method,
                    [reason](const ttrpc::CallContext&, std::string_view, std::string&) -> absl::Status {
                      return absl::UnimplementedError(reason);
                    });
}

}  // namespace

void RegisterRefused(ttrpc::Server* server) {
  Refuse(server, "AddSwap", "swap on a disk of the host is not supported");
  Refuse(server, "AddSwapPath", "swap on a disk of the host is not supported");
  Refuse(server, "MemHotplugByProbe", "memory is sized at the start of the guest");
  Refuse(server, "ResizeVolume", "volumes of the host are not supported");
  Refuse(server, "GetIPTables", "the guest has no packet filter");
  Refuse(server, "SetIPTables", "the guest has no packet filter");
  Refuse(server, "MemAgentMemcgSet", "this agent has no memory reclaim");
  Refuse(server, "MemAgentCompactSet", "this agent has no memory compaction");
}

}  // namespace cc::agent
