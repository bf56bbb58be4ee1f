// SPDX-License-Identifier: Apache-2.0
// Names and numbers of the Kata agent's endpoint (Kata 4.1.0) and of our own additions to it.
#ifndef CC_AGENT_PROTO_NAMES_H_
#define CC_AGENT_PROTO_NAMES_H_

#include <cstdint>
#include <string_view>

namespace cc::agent_proto {

inline constexpr std::string_view kAgentService = "grpc.AgentService";
inline constexpr std::string_view kHealthService = "grpc.Health";

// vsock ports in the guest.
inline constexpr uint32_t kAgentPort = 1024;

// vsock ports on the host side (CID 2), ours; an agent that does not know them is not disturbed.
// The guest connects to kReadyPort once its server is listening and closes: readiness is pushed.
inline constexpr uint32_t kReadyPort = 1040;
// SOCKS5 (RFC 1928, no authentication, CONNECT by name only) to the hosts that the pod's images need.
inline constexpr uint32_t kEgressPort = 1041;

// Storage driver of an image that the guest pulls itself, and the key of its option.
inline constexpr std::string_view kGuestPullDriver = "image_guest_pull";

// Where the agent keeps a container's bundle: <prefix>/<container id>/rootfs.
inline constexpr std::string_view kContainerBase = "/run/kata-containers";
// The only place CopyFile may write beneath.
inline constexpr std::string_view kSharedBase = "/run/kata-containers/shared/containers";

inline constexpr std::string_view kDataHubSocket = "/run/confidential-containers/cdh.sock";
inline constexpr std::string_view kAttestationAgentSocket =
    "/run/confidential-containers/attestation-agent/attestation-agent.sock";

// Where the agent lays out initdata for the data hub.
inline constexpr std::string_view kInitDataDirectory = "/run/confidential-containers/initdata";

}  // namespace cc::agent_proto

#endif  // CC_AGENT_PROTO_NAMES_H_
