// SPDX-License-Identifier: Apache-2.0
#include "agent/net/routes.h"

#include <sys/socket.h>

// After sys/socket.h.
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "net/inet.h"
#include "net/link.h"

namespace cc::agent {
namespace {

using net::IpAddress;
using net::IpPrefix;
using net::Link;
using net::MacAddress;
using net::Netlink;
using net::NetlinkRequest;

// A route of a request, parsed.
struct NewRoute {
  int family = AF_INET;
  std::optional<IpPrefix> destination;  // nullopt = default route
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;
  std::string device;
  uint8_t scope = 0;
  uint32_t flags = 0;
  uint32_t mtu = 0;
};

absl::StatusOr<NewRoute> ParseRoute(const types::Route& route) {
  NewRoute out;
  out.family = route.family() == types::v6 ? AF_INET6 : AF_INET;
  CC_RETURN_IF_ERROR(net::CheckInterfaceName(route.device()));
  out.device = route.device();
  if (!route.dest().empty()) {
    CC_ASSIGN_OR_RETURN(out.destination, net::ParsePrefix(route.dest()));
  }
  if (!route.gateway().empty()) {
    CC_ASSIGN_OR_RETURN(out.gateway, net::ParseIp(route.gateway()));
  }
  if (!route.source().empty()) {
    CC_ASSIGN_OR_RETURN(const IpPrefix source, net::ParsePrefix(route.source()));
    out.source = source.address;
  }
  for (const IpAddress* address :
       {out.destination ? &out.destination->address : nullptr, out.gateway ? &*out.gateway : nullptr,
        out.source ? &*out.source : nullptr}) {
    if (address != nullptr && address->family != out.family) {
      return absl::InvalidArgumentError(StrCat("route to '", route.dest(), "' mixes IPv4 and IPv6"));
    }
  }
  if (route.scope() > 255)
    return absl::InvalidArgumentError(StrCat("route scope ", route.scope(), " is too large"));
  out.scope = static_cast<uint8_t>(route.scope());
  out.flags = route.flags();
  out.mtu = route.mtu();
  return out;
}

void PutAddress(NetlinkRequest& request, uint16_t type, const IpAddress& address) {
  request.PutBytes(type, address.bytes.data(), address.bytes.size());
}

absl::Status AddRoute(Netlink& netlink, const NewRoute& route) {
  CC_ASSIGN_OR_RETURN(const Link link, net::FindLinkByName(netlink, route.device));
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto* info = request.PutExtra<rtmsg>();
  info->rtm_family = static_cast<unsigned char>(route.family);
  info->rtm_table = RT_TABLE_MAIN;
  info->rtm_protocol = RTPROT_BOOT;
  info->rtm_type = RTN_UNICAST;
  info->rtm_scope = route.scope;
  info->rtm_flags = route.flags;
  if (route.destination.has_value()) {
    info->rtm_dst_len = route.destination->length;
    PutAddress(request, RTA_DST, route.destination->address);
  }
  if (route.gateway.has_value()) PutAddress(request, RTA_GATEWAY, *route.gateway);
  if (route.source.has_value()) PutAddress(request, RTA_PREFSRC, *route.source);
  request.PutU32(RTA_OIF, static_cast<uint32_t>(link.index));
  if (route.mtu != 0) {
    nlattr* metrics = mnl_attr_nest_start(request.header(), RTA_METRICS);
    request.PutU32(RTAX_MTU, route.mtu);
    mnl_attr_nest_end(request.header(), metrics);
  }
  return netlink.Execute(request, StrCat("add route on ", route.device));
}

}  // namespace

absl::Status UpdateRoutes(Netlink& netlink, const grpc::Routes& request) {
  std::vector<NewRoute> routes;
  for (const types::Route& route : request.routes()) {
    CC_ASSIGN_OR_RETURN(NewRoute parsed, ParseRoute(route));
    routes.push_back(std::move(parsed));
  }
  std::stable_partition(routes.begin(), routes.end(),
                        [](const NewRoute& route) { return !route.gateway.has_value(); });
  for (const NewRoute& route : routes) CC_RETURN_IF_ERROR(AddRoute(netlink, route));
  return absl::OkStatus();
}

absl::Status ListRoutes(Netlink& netlink, grpc::Routes* out) {
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, net::ListLinks(netlink));
  std::map<int, std::string> names;
  for (const Link& link : links) names[link.index] = link.name;
  CC_ASSIGN_OR_RETURN(const std::vector<net::Route> routes, net::ListRoutes(netlink));
  for (const net::Route& route : routes) {
    types::Route* entry = out->add_routes();
    entry->set_family(route.family == AF_INET ? types::v4 : types::v6);
    entry->set_scope(route.scope);
    entry->set_flags(route.flags);
    if (route.destination.has_value()) entry->set_dest(net::Format(*route.destination));
    if (route.gateway.has_value()) entry->set_gateway(net::Format(*route.gateway));
    if (route.source.has_value()) entry->set_source(net::Format(*route.source));
    if (const auto name = names.find(route.link); name != names.end()) entry->set_device(name->second);
  }
  return absl::OkStatus();
}

absl::Status AddNeighbors(Netlink& netlink, const grpc::ARPNeighbors& request) {
  struct Neighbor {
    IpAddress address;
    MacAddress mac;
    Link link;
    const types::ARPNeighbor* entry;
  };
  std::vector<Neighbor> neighbors;
  for (const types::ARPNeighbor& entry : request.arpneighbors()) {
    CC_ASSIGN_OR_RETURN(const IpAddress address, net::ParseIp(entry.toipaddress().address()));
    CC_ASSIGN_OR_RETURN(const MacAddress mac, net::ParseMac(entry.lladdr()));
    CC_ASSIGN_OR_RETURN(const Link link, net::FindLinkByName(netlink, entry.device()));
    neighbors.push_back({address, mac, link, &entry});
  }
  for (const Neighbor& neighbor : neighbors) {
    NetlinkRequest message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    auto* info = message.PutExtra<ndmsg>();
    info->ndm_family = static_cast<uint8_t>(neighbor.address.family);
    info->ndm_ifindex = neighbor.link.index;
    info->ndm_state =
        neighbor.entry->state() != 0 ? static_cast<uint16_t>(neighbor.entry->state()) : NUD_PERMANENT;
    info->ndm_flags = static_cast<uint8_t>(neighbor.entry->flags());
    PutAddress(message, NDA_DST, neighbor.address);
    message.PutBytes(NDA_LLADDR, neighbor.mac.data(), neighbor.mac.size());
    CC_RETURN_IF_ERROR(
        netlink.Execute(message, StrCat("add neighbour ", neighbor.entry->toipaddress().address())));
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
