// SPDX-License-Identifier: Apache-2.0
// Addresses, routes and neighbours of the namespace that a Netlink belongs to, as the kernel lists them.
#ifndef CC_NET_INET_H_
#define CC_NET_INET_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "net/address.h"
#include "net/netlink.h"

namespace cc::net {

struct LinkAddress {
  int link = 0;  // index
  IpPrefix prefix;
  uint8_t scope = 0;  // RT_SCOPE_*
};

struct Route {
  int family = 0;
  std::optional<IpPrefix> destination;  // nullopt = default route
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;
  int link = 0;  // index; 0 = none, as of a blackhole or of a route with several next hops
  uint8_t scope = 0;
  uint8_t protocol = 0;  // RTPROT_*
  uint8_t type = 0;      // RTN_*
  uint32_t flags = 0;    // RTNH_F_*
  uint32_t metric = 0;
  uint32_t mtu = 0;  // 0 = that of the interface
};

struct Neighbor {
  int link = 0;
  IpAddress address;
  MacAddress mac = {};
  uint16_t state = 0;  // NUD_*
  uint8_t flags = 0;   // NTF_*
};

absl::StatusOr<std::vector<LinkAddress>> ListAddresses(Netlink& netlink);
// IPv4 and IPv6 routes of the main table, without cached ones.
absl::StatusOr<std::vector<Route>> ListRoutes(Netlink& netlink);
// Those with a hardware address of 6 bytes.
absl::StatusOr<std::vector<Neighbor>> ListNeighbors(Netlink& netlink);

std::string Format(const IpPrefix& prefix);
std::string Format(const IpAddress& address);

}  // namespace cc::net

#endif  // CC_NET_INET_H_
