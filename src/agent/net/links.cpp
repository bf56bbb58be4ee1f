// SPDX-License-Identifier: Apache-2.0
#include "agent/net/links.h"

#include <net/if.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "net/inet.h"
#include "net/link.h"

namespace cc::agent {
namespace {

constexpr uint32_t kMaxMtu = 65535;

using net::FormatIp;
using net::FormatMac;
using net::IpPrefix;
using net::Link;
using net::LinkChange;
using net::Netlink;
using net::NetlinkRequest;

absl::Status ChangeAddress(Netlink& netlink, NetlinkRequest request, int index, const IpPrefix& prefix,
                           std::string_view what) {
  auto* info = request.PutExtra<ifaddrmsg>();
  info->ifa_family = static_cast<unsigned char>(prefix.address.family);
  info->ifa_prefixlen = prefix.length;
  info->ifa_index = static_cast<unsigned>(index);
  // The host has proven the address to be unique; duplicate detection would only delay the pod.
  if (prefix.address.family == AF_INET6) info->ifa_flags = IFA_F_NODAD;
  const std::vector<uint8_t>& bytes = prefix.address.bytes;
  request.PutBytes(IFA_LOCAL, bytes.data(), bytes.size());
  request.PutBytes(IFA_ADDRESS, bytes.data(), bytes.size());
  return netlink.Execute(request, StrCat(what, " address ", Format(prefix)));
}

struct WantedLink {
  std::string mac;  // that it has now
  net::MacAddress new_mac;
  std::vector<IpPrefix> addresses;
};

absl::StatusOr<WantedLink> Check(const types::Interface& request) {
  CC_RETURN_IF_ERROR(net::CheckInterfaceName(request.name()));
  if (request.mtu() > kMaxMtu)
    return absl::InvalidArgumentError(StrCat("MTU ", request.mtu(), " is too large"));
  WantedLink wanted;
  CC_ASSIGN_OR_RETURN(wanted.new_mac, net::ParseMac(request.hwaddr()));
  wanted.mac = FormatMac(wanted.new_mac.data());
  std::string_view path = request.devicepath();
  if (path.starts_with(kMacPathPrefix)) {
    path.remove_prefix(kMacPathPrefix.size());
    CC_ASSIGN_OR_RETURN(const net::MacAddress present, net::ParseMac(path));
    wanted.mac = FormatMac(present.data());
  }
  for (const types::IPAddress& address : request.ipaddresses()) {
    CC_ASSIGN_OR_RETURN(IpPrefix prefix, net::ParsePrefix(StrCat(address.address(), "/", address.mask())));
    wanted.addresses.push_back(std::move(prefix));
  }
  return wanted;
}

// Frees `name` for `link` when another interface has it.
absl::Status GiveWay(Netlink& netlink, const std::vector<Link>& links, const Link& link,
                     const std::string& name) {
  const auto holder = std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.name == name; });
  if (holder == links.end() || holder->index == link.index) return absl::OkStatus();
  CC_RETURN_IF_ERROR(net::SetLinkUp(netlink, holder->index, false));
  // Through a third name, because both are taken.
  const std::string spare = StrCat("cc-tmp", holder->index);
  const LinkChange away{.index = holder->index, .name = spare, .mac = {}};
  CC_RETURN_IF_ERROR(net::ChangeLink(netlink, away, StrCat("rename interface ", name)));
  const LinkChange taken{.index = link.index, .name = name, .mac = {}};
  CC_RETURN_IF_ERROR(net::ChangeLink(netlink, taken, StrCat("rename interface ", link.name)));
  const LinkChange back{
      .index = holder->index, .name = link.name, .mac = {}, .mtu = 0, .flags = IFF_UP, .mask = IFF_UP};
  return net::ChangeLink(netlink, back, StrCat("rename interface ", spare));
}

// Makes the IPv4 and global IPv6 addresses of an interface those that are wanted.
absl::Status SetAddresses(Netlink& netlink, int index, const std::vector<IpPrefix>& wanted) {
  CC_ASSIGN_OR_RETURN(const std::vector<net::LinkAddress> present, net::ListAddresses(netlink));
  for (const net::LinkAddress& address : present) {
    const bool kernels = address.prefix.address.family == AF_INET6 && address.scope == RT_SCOPE_LINK;
    const bool keep = std::find(wanted.begin(), wanted.end(), address.prefix) != wanted.end();
    if (address.link != index || kernels || keep) continue;
    CC_RETURN_IF_ERROR(
        ChangeAddress(netlink, NetlinkRequest(RTM_DELADDR, 0), index, address.prefix, "remove"));
  }
  for (const IpPrefix& address : wanted) {
    CC_RETURN_IF_ERROR(ChangeAddress(netlink, NetlinkRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE),
                                     index, address, "add"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status UpdateInterface(Netlink& netlink, const types::Interface& request) {
  CC_ASSIGN_OR_RETURN(const WantedLink wanted, Check(request));
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, net::ListLinks(netlink));
  const auto link =
      std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.mac == wanted.mac; });
  if (link == links.end()) {
    return absl::NotFoundError(StrCat("no interface with hardware address ", wanted.mac, " in the guest"));
  }
  // A name can only be changed while the interface is down.
  if (link->name != request.name()) {
    CC_RETURN_IF_ERROR(net::SetLinkUp(netlink, link->index, false));
    CC_RETURN_IF_ERROR(GiveWay(netlink, links, *link, request.name()));
  }
  if (link->mac != FormatMac(wanted.new_mac.data())) {
    const LinkChange change{.index = link->index, .name = {}, .mac = wanted.new_mac};
    CC_RETURN_IF_ERROR(net::ChangeLink(
        netlink, change, StrCat("give interface ", link->name, " the address ", request.hwaddr())));
  }
  LinkChange change{.index = link->index,
                    .name = {},
                    .mac = {},
                    .mtu = static_cast<uint32_t>(request.mtu()),
                    .flags = IFF_UP,
                    .mask = IFF_UP};
  // The kernel refuses to name an interface that is up, even with the name that it has.
  if (link->name != request.name()) change.name = request.name();
  if ((request.raw_flags() & IFF_NOARP) != 0) {
    change.flags |= IFF_NOARP;
    change.mask |= IFF_NOARP;
  }
  CC_RETURN_IF_ERROR(net::ChangeLink(netlink, change, StrCat("configure interface ", request.name())));
  return SetAddresses(netlink, link->index, wanted.addresses);
}

absl::Status ListInterfaces(Netlink& netlink, grpc::Interfaces* out) {
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, net::ListLinks(netlink));
  for (const Link& link : links) {
    types::Interface* entry = out->add_interfaces();
    entry->set_name(link.name);
    entry->set_device(link.name);
    entry->set_hwaddr(link.mac);
    entry->set_mtu(link.mtu);
  }
  CC_ASSIGN_OR_RETURN(const std::vector<net::LinkAddress> addresses, net::ListAddresses(netlink));
  for (const net::LinkAddress& entry : addresses) {
    const auto link =
        std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.index == entry.link; });
    if (link == links.end()) continue;
    const net::IpAddress& ip = entry.prefix.address;
    types::IPAddress* address =
        out->mutable_interfaces(static_cast<int>(link - links.begin()))->add_ipaddresses();
    address->set_family(ip.family == AF_INET ? types::v4 : types::v6);
    address->set_address(net::Format(ip));
    address->set_mask(std::to_string(entry.prefix.length));
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
