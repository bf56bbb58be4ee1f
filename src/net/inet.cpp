// SPDX-License-Identifier: Apache-2.0
#include "net/inet.h"

#include <sys/socket.h>

// After sys/socket.h.
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::net {
namespace {

bool IsInet(int family) { return family == AF_INET || family == AF_INET6; }

// Nothing unless the attribute has the length of an address of the family.
std::optional<IpAddress> AddressOf(const nlattr* attribute, int family) {
  if (mnl_attr_get_payload_len(attribute) != (family == AF_INET ? 4 : 16)) return std::nullopt;
  const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  return IpAddress{.family = family, .bytes = {bytes, bytes + mnl_attr_get_payload_len(attribute)}};
}

void AppendAddress(const nlmsghdr* message, std::vector<LinkAddress>& out) {
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  if (!IsInet(info->ifa_family)) return;
  LinkAddress entry{.link = static_cast<int>(info->ifa_index), .prefix = {}, .scope = info->ifa_scope};
  entry.prefix.length = info->ifa_prefixlen;
  std::optional<IpAddress> local;
  std::optional<IpAddress> address;  // of the peer, on a point-to-point link
  ForEachAttribute(message, sizeof(*info), [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == IFA_LOCAL) local = AddressOf(attribute, info->ifa_family);
    if (mnl_attr_get_type(attribute) == IFA_ADDRESS) address = AddressOf(attribute, info->ifa_family);
  });
  if (!local.has_value() && !address.has_value()) return;
  entry.prefix.address = local.has_value() ? *local : *address;
  out.push_back(std::move(entry));
}

uint32_t MtuOf(const nlattr* metrics) {
  uint32_t mtu = 0;
  ForEachNested(metrics, [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == RTAX_MTU) mtu = mnl_attr_get_u32(attribute);
  });
  return mtu;
}

void AppendRoute(const nlmsghdr* message, std::vector<Route>& out) {
  const auto* info = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  if (info->rtm_table != RT_TABLE_MAIN || !IsInet(info->rtm_family) || (info->rtm_flags & RTM_F_CLONED) != 0)
    return;
  Route route;
  route.family = info->rtm_family;
  route.scope = info->rtm_scope;
  route.protocol = info->rtm_protocol;
  route.type = info->rtm_type;
  route.flags = info->rtm_flags;
  ForEachAttribute(message, sizeof(*info), [&](const nlattr* attribute) {
    switch (mnl_attr_get_type(attribute)) {
      case RTA_DST:
        if (const auto address = AddressOf(attribute, info->rtm_family)) {
          route.destination = IpPrefix{.address = *address, .length = info->rtm_dst_len};
        }
        break;
      case RTA_GATEWAY:
        route.gateway = AddressOf(attribute, info->rtm_family);
        break;
      case RTA_PREFSRC:
        route.source = AddressOf(attribute, info->rtm_family);
        break;
      case RTA_OIF:
        route.link = static_cast<int>(mnl_attr_get_u32(attribute));
        break;
      case RTA_PRIORITY:
        route.metric = mnl_attr_get_u32(attribute);
        break;
      case RTA_METRICS:
        route.mtu = MtuOf(attribute);
        break;
      default:
        break;
    }
  });
  out.push_back(std::move(route));
}

void AppendNeighbor(const nlmsghdr* message, std::vector<Neighbor>& out) {
  const auto* info = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  if (!IsInet(info->ndm_family)) return;
  Neighbor neighbor;
  neighbor.link = info->ndm_ifindex;
  neighbor.state = info->ndm_state;
  neighbor.flags = info->ndm_flags;
  bool has_mac = false;
  bool has_address = false;
  ForEachAttribute(message, sizeof(*info), [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == NDA_DST) {
      if (auto address = AddressOf(attribute, info->ndm_family)) {
        neighbor.address = std::move(*address);
        has_address = true;
      }
    }
    if (mnl_attr_get_type(attribute) == NDA_LLADDR &&
        mnl_attr_get_payload_len(attribute) == neighbor.mac.size()) {
      const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
      std::copy_n(bytes, neighbor.mac.size(), neighbor.mac.begin());
      has_mac = true;
    }
  });
  if (has_mac && has_address) out.push_back(std::move(neighbor));
}

}  // namespace

absl::StatusOr<std::vector<LinkAddress>> ListAddresses(Netlink& netlink) {
  NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP);
  request.PutExtra<ifaddrmsg>()->ifa_family = AF_UNSPEC;
  std::vector<LinkAddress> out;
  CC_RETURN_IF_ERROR(
      netlink.Dump(request, "list addresses", [&](const nlmsghdr* message) { AppendAddress(message, out); }));
  return out;
}

absl::StatusOr<std::vector<Route>> ListRoutes(Netlink& netlink) {
  NetlinkRequest request(RTM_GETROUTE, NLM_F_DUMP);
  request.PutExtra<rtmsg>()->rtm_family = AF_UNSPEC;
  std::vector<Route> out;
  CC_RETURN_IF_ERROR(
      netlink.Dump(request, "list routes", [&](const nlmsghdr* message) { AppendRoute(message, out); }));
  return out;
}

absl::StatusOr<std::vector<Neighbor>> ListNeighbors(Netlink& netlink) {
  NetlinkRequest request(RTM_GETNEIGH, NLM_F_DUMP);
  request.PutExtra<ndmsg>()->ndm_family = AF_UNSPEC;
  std::vector<Neighbor> out;
  CC_RETURN_IF_ERROR(netlink.Dump(request, "list neighbours",
                                  [&](const nlmsghdr* message) { AppendNeighbor(message, out); }));
  return out;
}

std::string Format(const IpAddress& address) { return FormatIp(address.family, address.bytes.data()); }

std::string Format(const IpPrefix& prefix) { return StrCat(Format(prefix.address), "/", prefix.length); }

}  // namespace cc::net
