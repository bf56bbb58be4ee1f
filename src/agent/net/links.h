// SPDX-License-Identifier: Apache-2.0
// Network interfaces of the guest: list them, and configure one as the host's CNI set it up on its side.
#ifndef CC_AGENT_NET_LINKS_H_
#define CC_AGENT_NET_LINKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/net/address.h"
#include "agent/net/netlink.h"
#include "kata/agent.pb.h"

namespace cc::agent {

struct Link {
  int index = 0;
  std::string name;
  std::string mac;  // lower case; empty when it has none
  uint32_t mtu = 0;
  uint32_t flags = 0;  // IFF_*
};

absl::StatusOr<std::vector<Link>> ListLinks(Netlink& netlink);
absl::StatusOr<Link> FindLinkByName(Netlink& netlink, const std::string& name);

// The interface with request.hwaddr gets the name, MTU and addresses of the request and is set up. An
// interface that has the name already takes the other's old one. All of the request is checked first.
absl::Status UpdateInterface(Netlink& netlink, const types::Interface& request);

absl::Status ListInterfaces(Netlink& netlink, grpc::Interfaces* out);

absl::Status SetLinkUp(Netlink& netlink, int index, bool up);

}  // namespace cc::agent

#endif  // CC_AGENT_NET_LINKS_H_
