// SPDX-License-Identifier: Apache-2.0
// For tests: parts of a Scan in short form.
#ifndef CC_POD_NET_TEST_SCAN_H_
#define CC_POD_NET_TEST_SCAN_H_

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "net/address.h"
#include "pod_net/scan.h"

namespace cc::pod_net {

// A veth that is up, with a hardware address made of its index (at most 255).
inline net::Link MakeLink(int index, const std::string& name) {
  net::Link link;
  link.index = index;
  link.name = name;
  net::MacAddress mac{2, 0, 0, 0, 0, static_cast<uint8_t>(index)};
  link.mac = net::FormatMac(mac.data());
  link.mtu = 1500;
  link.flags = IFF_UP;
  link.type = ARPHRD_ETHER;
  link.kind = "veth";
  return link;
}

inline net::LinkAddress MakeAddress(int link, std::string_view prefix, uint8_t scope = 0) {
  return {.link = link, .prefix = *net::ParsePrefix(prefix), .scope = scope};
}

// `to` and `via` may be empty.
inline net::Route MakeRoute(int link, std::string_view to, std::string_view via) {
  net::Route route;
  route.link = link;
  route.type = 1;      // RTN_UNICAST
  route.protocol = 3;  // RTPROT_BOOT
  if (!to.empty()) route.destination = *net::ParsePrefix(to);
  if (!via.empty()) route.gateway = *net::ParseIp(via);
  const bool v6 = to.find(':') != std::string_view::npos || via.find(':') != std::string_view::npos;
  route.family = v6 ? AF_INET6 : AF_INET;
  return route;
}

}  // namespace cc::pod_net

#endif  // CC_POD_NET_TEST_SCAN_H_
