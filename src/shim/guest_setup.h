// SPDX-License-Identifier: Apache-2.0
// What a guest is told once its agent answers: its sandbox, the time of day, and how its network is set.
#ifndef CC_SHIM_GUEST_SETUP_H_
#define CC_SHIM_GUEST_SETUP_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent_proto/agent_client.h"
#include "pod_net/pod_network.h"

namespace cc::shim {

// What the guest is told of the pod.
struct PodIdentity {
  std::string hostname;
  std::vector<std::string> dns;
};

// How a pod's network reaches the guest; each call may take `limit`.
pod_net::GuestCalls GuestNetworkCalls(const std::shared_ptr<agent_proto::AgentClient>& agent,
                                      std::chrono::seconds limit);

absl::Status CreateSandboxInGuest(agent_proto::AgentClient& agent, const std::string& id,
                                  const PodIdentity& identity, std::chrono::seconds limit);

// The host's word for what time it is. The owner's policy may forbid it: the guest then keeps its own.
void SetGuestClock(agent_proto::AgentClient& agent, std::chrono::seconds limit);

}  // namespace cc::shim

#endif  // CC_SHIM_GUEST_SETUP_H_
