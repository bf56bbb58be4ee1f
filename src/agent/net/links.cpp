// SPDX-License-Identifier: Apache-2.0
#include "agent/net/links.h"

#include <net/if.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr uint32_t kMaxMtu = 65535;

Link ParseLink(const nlmsghdr* message) {
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  Link link{.index = info->ifi_index, .name = {}, .mac = {}, .mtu = 0, .flags = info->ifi_flags};
  ForEachAttribute(message, sizeof(*info), [&](const nlattr* attribute) {
    switch (mnl_attr_get_type(attribute)) {
      case IFLA_IFNAME:
        link.name = mnl_attr_get_str(attribute);
        break;
      case IFLA_MTU:
        link.mtu = mnl_attr_get_u32(attribute);
        break;
      case IFLA_ADDRESS:
        if (mnl_attr_get_payload_len(attribute) == MacAddress{}.size()) {
          link.mac = FormatMac(static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)));
        }
        break;
      default:
        break;
    }
  });
  return link;
}

// What of an interface is changed in one message.
struct LinkChange {
  int index = 0;
  std::string name;
  uint32_t mtu = 0;
  unsigned flags = 0;  // IFF_* values ...
  unsigned mask = 0;   // ... of these bits
};

absl::Status ChangeLink(Netlink& netlink, const LinkChange& change, std::string_view what) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  auto* info = request.PutExtra<ifinfomsg>();
  info->ifi_family = AF_UNSPEC;
  info->ifi_index = change.index;
  info->ifi_flags = change.flags;
  info->ifi_change = change.mask;
  if (!change.name.empty()) request.PutString(IFLA_IFNAME, change.name.c_str());
  if (change.mtu != 0) request.PutU32(IFLA_MTU, change.mtu);
  return netlink.Execute(request, what);
}

absl::Status AddAddress(Netlink& netlink, int index, const IpPrefix& prefix) {
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto* info = request.PutExtra<ifaddrmsg>();
  info->ifa_family = static_cast<unsigned char>(prefix.address.family);
  info->ifa_prefixlen = prefix.length;
  info->ifa_index = static_cast<unsigned>(index);
  // The host has proven the address to be unique; duplicate detection would only delay the pod.
  if (prefix.address.family == AF_INET6) info->ifa_flags = IFA_F_NODAD;
  const std::vector<uint8_t>& bytes = prefix.address.bytes;
  request.PutBytes(IFA_LOCAL, bytes.data(), bytes.size());
  request.PutBytes(IFA_ADDRESS, bytes.data(), bytes.size());
  return netlink.Execute(request, StrCat("add address ", FormatIp(prefix.address.family, bytes.data())));
}

struct WantedLink {
  std::string mac;
  std::vector<IpPrefix> addresses;
};

absl::StatusOr<WantedLink> Check(const types::Interface& request) {
  CC_RETURN_IF_ERROR(CheckInterfaceName(request.name()));
  if (request.mtu() > kMaxMtu)
    return absl::InvalidArgumentError(StrCat("MTU ", request.mtu(), " is too large"));
  CC_ASSIGN_OR_RETURN(const MacAddress mac, ParseMac(request.hwaddr()));
  WantedLink wanted{.mac = FormatMac(mac.data()), .addresses = {}};
  for (const types::IPAddress& address : request.ipaddresses()) {
    CC_ASSIGN_OR_RETURN(IpPrefix prefix, ParsePrefix(StrCat(address.address(), "/", address.mask())));
    wanted.addresses.push_back(std::move(prefix));
  }
  return wanted;
}

// Frees `name` for `link` when another interface has it.
absl::Status GiveWay(Netlink& netlink, const std::vector<Link>& links, const Link& link,
                     const std::string& name) {
  const auto holder = std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.name == name; });
  if (holder == links.end() || holder->index == link.index) return absl::OkStatus();
  CC_RETURN_IF_ERROR(SetLinkUp(netlink, holder->index, false));
  // Through a third name, because both are taken.
  const std::string spare = StrCat("cc-tmp", holder->index);
  const LinkChange away{.index = holder->index, .name = spare};
  CC_RETURN_IF_ERROR(ChangeLink(netlink, away, StrCat("rename interface ", name)));
  const LinkChange taken{.index = link.index, .name = name};
  CC_RETURN_IF_ERROR(ChangeLink(netlink, taken, StrCat("rename interface ", link.name)));
  const LinkChange back{.index = holder->index, .name = link.name, .mtu = 0, .flags = IFF_UP, .mask = IFF_UP};
  return ChangeLink(netlink, back, StrCat("rename interface ", spare));
}

}  // namespace

absl::StatusOr<std::vector<Link>> ListLinks(Netlink& netlink) {
  NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP);
  request.PutExtra<ifinfomsg>()->ifi_family = AF_UNSPEC;
  std::vector<Link> links;
  CC_RETURN_IF_ERROR(netlink.Dump(request, "list interfaces",
                                  [&](const nlmsghdr* message) { links.push_back(ParseLink(message)); }));
  return links;
}

absl::StatusOr<Link> FindLinkByName(Netlink& netlink, const std::string& name) {
  CC_RETURN_IF_ERROR(CheckInterfaceName(name));
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(netlink));
  for (const Link& link : links) {
    if (link.name == name) return link;
  }
  return absl::NotFoundError(StrCat("no interface ", name, " in the guest"));
}

absl::Status SetLinkUp(Netlink& netlink, int index, bool up) {
  const LinkChange change{
      .index = index, .name = {}, .mtu = 0, .flags = up ? unsigned{IFF_UP} : 0U, .mask = IFF_UP};
  return ChangeLink(netlink, change, up ? "set interface up" : "set interface down");
}

absl::Status UpdateInterface(Netlink& netlink, const types::Interface& request) {
  CC_ASSIGN_OR_RETURN(const WantedLink wanted, Check(request));
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(netlink));
  const auto link =
      std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.mac == wanted.mac; });
  if (link == links.end()) {
    return absl::NotFoundError(StrCat("no interface with hardware address ", wanted.mac, " in the guest"));
  }
  // A name can only be changed while the interface is down.
  if (link->name != request.name()) {
    CC_RETURN_IF_ERROR(SetLinkUp(netlink, link->index, false));
    CC_RETURN_IF_ERROR(GiveWay(netlink, links, *link, request.name()));
  }
  LinkChange change{.index = link->index,
                    .name = request.name(),
                    .mtu = static_cast<uint32_t>(request.mtu()),
                    .flags = IFF_UP,
                    .mask = IFF_UP};
  if ((request.raw_flags() & IFF_NOARP) != 0) {
    change.flags |= IFF_NOARP;
    change.mask |= IFF_NOARP;
  }
  CC_RETURN_IF_ERROR(ChangeLink(netlink, change, StrCat("configure interface ", request.name())));
  for (const IpPrefix& address : wanted.addresses) {
    CC_RETURN_IF_ERROR(AddAddress(netlink, link->index, address));
  }
  return absl::OkStatus();
}

absl::Status ListInterfaces(Netlink& netlink, grpc::Interfaces* out) {
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(netlink));
  for (const Link& link : links) {
    types::Interface* entry = out->add_interfaces();
    entry->set_name(link.name);
    entry->set_device(link.name);
    entry->set_hwaddr(link.mac);
    entry->set_mtu(link.mtu);
  }
  NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP);
  request.PutExtra<ifaddrmsg>()->ifa_family = AF_UNSPEC;
  return netlink.Dump(request, "list addresses", [&](const nlmsghdr* message) {
    const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    const auto link = std::find_if(links.begin(), links.end(), [&](const Link& l) {
      return static_cast<unsigned>(l.index) == info->ifa_index;
    });
    if (link == links.end()) return;
    const size_t wanted_size = info->ifa_family == AF_INET ? 4 : 16;
    ForEachAttribute(message, sizeof(*info), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) != IFA_ADDRESS || mnl_attr_get_payload_len(attribute) != wanted_size)
        return;
      types::IPAddress* address =
          out->mutable_interfaces(static_cast<int>(link - links.begin()))->add_ipaddresses();
      address->set_family(info->ifa_family == AF_INET ? types::v4 : types::v6);
      address->set_address(
          FormatIp(info->ifa_family, static_cast<const uint8_t*>(mnl_attr_get_payload(attribute))));
      address->set_mask(std::to_string(info->ifa_prefixlen));
    });
  });
}

}  // namespace cc::agent
