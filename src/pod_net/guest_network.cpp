// SPDX-License-Identifier: Apache-2.0
#include "pod_net/guest_network.h"

#include <net/if.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/strings.h"
#include "net/inet.h"

namespace cc::pod_net {
namespace {

using net::IpPrefix;
using net::Link;
using net::Route;

bool IsLinkLocal6(const net::IpAddress& address) {
  return address.family == AF_INET6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

bool IsMulticast(const net::IpAddress& address) {
  return address.family == AF_INET6 ? address.bytes[0] == 0xff : (address.bytes[0] & 0xf0) == 0xe0;
}

types::IPFamily Family(int family) { return family == AF_INET6 ? types::v6 : types::v4; }

// The network that an address is in: its bits beyond the prefix are zero.
IpPrefix NetworkOf(IpPrefix prefix) {
  for (size_t bit = prefix.length; bit < prefix.address.bytes.size() * 8; ++bit) {
    prefix.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
  }
  return prefix;
}

types::Interface MakeInterface(const Scan& scan, const Link& link) {
  types::Interface out;
  out.set_device(link.name);
  out.set_name(link.name);
  out.set_hwaddr(link.mac);
  out.set_mtu(link.mtu);
  out.set_type(link.kind);
  out.set_raw_flags(link.flags & IFF_NOARP);
  for (const net::LinkAddress& entry : scan.addresses) {
    const net::IpAddress& ip = entry.prefix.address;
    if (entry.link != link.index || IsLinkLocal6(ip)) continue;
    types::IPAddress* address = out.add_ipaddresses();
    address->set_family(Family(ip.family));
    address->set_address(net::Format(ip));
    address->set_mask(std::to_string(entry.prefix.length));
  }
  return out;
}

bool KernelMakesIt(const Scan& scan, const Route& route) {
  if (route.protocol == RTPROT_RA) return true;
  if (route.destination.has_value() &&
      (IsLinkLocal6(route.destination->address) || IsMulticast(route.destination->address))) {
    return true;
  }
  if (route.protocol != RTPROT_KERNEL) return false;
  // Of a point-to-point address the kernel has a route to the peer, which the guest cannot know.
  return std::any_of(scan.addresses.begin(), scan.addresses.end(), [&](const net::LinkAddress& entry) {
    return entry.link == route.link && route.destination == NetworkOf(entry.prefix);
  });
}

std::string Describe(const Route& route) {
  return StrCat("route to ", route.destination.has_value() ? net::Format(*route.destination) : "default",
                route.gateway.has_value() ? StrCat(" via ", net::Format(*route.gateway)) : "");
}

types::Route MakeRoute(const Route& route, const std::string& device) {
  types::Route out;
  out.set_family(Family(route.family));
  if (route.destination.has_value()) out.set_dest(net::Format(*route.destination));
  if (route.gateway.has_value()) out.set_gateway(net::Format(*route.gateway));
  if (route.source.has_value()) out.set_source(net::Format(*route.source));
  out.set_device(device);
  out.set_scope(route.scope);
  out.set_flags(route.flags & RTNH_F_ONLINK);
  out.set_mtu(route.mtu);
  return out;
}

void AddRoutes(const Scan& scan, const std::map<int, std::string>& names, GuestNetwork* out) {
  // By destination: the guest's table holds one route for each.
  std::map<std::pair<int, std::string>, const Route*> best;
  std::vector<const Route*> kept;
  for (const Route& route : scan.routes) {
    if (KernelMakesIt(scan, route)) continue;
    if (route.link == 0 || route.type != RTN_UNICAST) {
      // IPv6 has some of its own on loopback in every namespace.
      if (route.protocol != RTPROT_KERNEL) out->dropped.push_back(Describe(route) + " without one interface");
      continue;
    }
    if (!names.contains(route.link)) continue;
    const auto key =
        std::pair(route.family, route.destination.has_value() ? net::Format(*route.destination) : "");
    const auto [entry, first] = best.emplace(key, &route);
    if (!first) {
      const Route* worse = entry->second->metric <= route.metric ? &route : entry->second;
      if (worse != &route) entry->second = &route;
      out->dropped.push_back(StrCat(Describe(*worse), " of metric ", worse->metric));
    }
  }
  for (const Route& route : scan.routes) {
    if (std::any_of(best.begin(), best.end(), [&](const auto& entry) { return entry.second == &route; })) {
      kept.push_back(&route);
    }
  }
  std::stable_partition(kept.begin(), kept.end(),
                        [](const Route* route) { return !route->gateway.has_value(); });
  for (const Route* route : kept) *out->routes.add_routes() = MakeRoute(*route, names.at(route->link));
}

void AddNeighbors(const Scan& scan, const std::map<int, std::string>& names, GuestNetwork* out) {
  for (const net::Neighbor& neighbor : scan.neighbors) {
    // Only what somebody configured; the rest the guest learns.
    const bool configured = (neighbor.state & NUD_PERMANENT) != 0 && (neighbor.flags & NTF_PROXY) == 0;
    if (!configured || IsMulticast(neighbor.address) || !names.contains(neighbor.link)) continue;
    types::ARPNeighbor* entry = out->neighbors.add_arpneighbors();
    entry->mutable_toipaddress()->set_family(Family(neighbor.address.family));
    entry->mutable_toipaddress()->set_address(net::Format(neighbor.address));
    entry->set_device(names.at(neighbor.link));
    entry->set_lladdr(net::FormatMac(neighbor.mac.data()));
    entry->set_state(NUD_PERMANENT);
    entry->set_flags(neighbor.flags & NTF_ROUTER);
  }
}

}  // namespace

GuestNetwork MakeGuestNetwork(const Scan& scan, const std::vector<Link>& links) {
  GuestNetwork out;
  std::map<int, std::string> names;
  for (const Link& link : links) {
    names[link.index] = link.name;
    out.interfaces.push_back(MakeInterface(scan, link));
  }
  AddRoutes(scan, names, &out);
  AddNeighbors(scan, names, &out);
  return out;
}

}  // namespace cc::pod_net
