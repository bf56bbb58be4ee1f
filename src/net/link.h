// SPDX-License-Identifier: Apache-2.0
// Network interfaces of the namespace that a Netlink belongs to.
#ifndef CC_NET_LINK_H_
#define CC_NET_LINK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/address.h"
#include "net/netlink.h"

namespace cc::net {

struct Link {
  int index = 0;
  std::string name;
  std::string mac;  // lower case; empty when it has none of 6 bytes
  uint32_t mtu = 0;
  uint32_t flags = 0;  // IFF_*
  uint16_t type = 0;   // ARPHRD_*
  std::string kind;    // "veth", "tun", ...; empty for hardware and loopback
  int master = 0;      // index of the bridge or bond that it is a port of; 0 = none
  // Index of the interface that it stands on (VLAN, macvlan) or is the other end of (veth), when that is in
  // this namespace; else 0.
  int lower = 0;
};

absl::StatusOr<std::vector<Link>> ListLinks(Netlink& netlink);
// NotFound when there is none.
absl::StatusOr<Link> FindLinkByName(Netlink& netlink, const std::string& name);

// What of an interface is changed in one message.
struct LinkChange {
  int index = 0;
  std::string name;  // empty = kept
  std::optional<MacAddress> mac = std::nullopt;
  uint32_t mtu = 0;    // 0 = kept
  unsigned flags = 0;  // IFF_* values ...
  unsigned mask = 0;   // ... of these bits
};
// `what` begins the error.
absl::Status ChangeLink(Netlink& netlink, const LinkChange& change, std::string_view what);

absl::Status SetLinkUp(Netlink& netlink, int index, bool up);

}  // namespace cc::net

#endif  // CC_NET_LINK_H_
