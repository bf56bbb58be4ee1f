// SPDX-License-Identifier: Apache-2.0
// Network interfaces of the guest: list them, and configure one as the host's CNI set it up on its side.
#ifndef CC_AGENT_NET_LINKS_H_
#define CC_AGENT_NET_LINKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "kata/agent.pb.h"
#include "net/netlink.h"

namespace cc::agent {

// devicePath of an interface request that begins with this names the interface by the hardware address that
// it has now; request.hwAddr is the one that it gets. So a network that comes after the VM was started finds
// its device. Upstream's agent refuses such a path.
constexpr std::string_view kMacPathPrefix = "mac:";

// The interface with request.hwAddr gets the name, MTU and addresses of the request and is set up. Addresses
// that the request does not have are removed from it, except IPv6 link-local ones, which are the kernel's. An
// interface that has the name already takes the other's old one. All of the request is checked first.
absl::Status UpdateInterface(net::Netlink& netlink, const types::Interface& request);

absl::Status ListInterfaces(net::Netlink& netlink, grpc::Interfaces* out);

}  // namespace cc::agent

#endif  // CC_AGENT_NET_LINKS_H_
