// SPDX-License-Identifier: Apache-2.0
#include "net/link.h"

#include <net/if.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/rtnetlink.h>

#include "base/status.h"
#include "base/strings.h"

namespace cc::net {
namespace {

std::string KindOf(const nlattr* info) {
  std::string kind;
  ForEachNested(info, [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND) kind = mnl_attr_get_str(attribute);
  });
  return kind;
}

Link ParseLink(const nlmsghdr* message) {
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  Link link;
  link.index = info->ifi_index;
  link.flags = info->ifi_flags;
  link.type = info->ifi_type;
  bool lower_elsewhere = false;
  ForEachAttribute(message, sizeof(*info), [&](const nlattr* attribute) {
    switch (mnl_attr_get_type(attribute)) {
      case IFLA_IFNAME:
        link.name = mnl_attr_get_str(attribute);
        break;
      case IFLA_MTU:
        link.mtu = mnl_attr_get_u32(attribute);
        break;
      case IFLA_MASTER:
        link.master = static_cast<int>(mnl_attr_get_u32(attribute));
        break;
      case IFLA_LINK:
        link.lower = static_cast<int>(mnl_attr_get_u32(attribute));
        break;
      case IFLA_LINK_NETNSID:
        lower_elsewhere = true;
        break;
      case IFLA_LINKINFO:
        link.kind = KindOf(attribute);
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
  if (lower_elsewhere) link.lower = 0;
  return link;
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
  return absl::NotFoundError(StrCat("there is no interface ", name));
}

absl::Status ChangeLink(Netlink& netlink, const LinkChange& change, std::string_view what) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  auto* info = request.PutExtra<ifinfomsg>();
  info->ifi_family = AF_UNSPEC;
  info->ifi_index = change.index;
  info->ifi_flags = change.flags;
  info->ifi_change = change.mask;
  if (!change.name.empty()) request.PutString(IFLA_IFNAME, change.name.c_str());
  if (change.mac.has_value()) request.PutBytes(IFLA_ADDRESS, change.mac->data(), change.mac->size());
  if (change.mtu != 0) request.PutU32(IFLA_MTU, change.mtu);
  return netlink.Execute(request, what);
}

absl::Status SetLinkUp(Netlink& netlink, int index, bool up) {
  const LinkChange change{
      .index = index, .name = {}, .mac = {}, .mtu = 0, .flags = up ? unsigned{IFF_UP} : 0U, .mask = IFF_UP};
  return ChangeLink(netlink, change, up ? "set interface up" : "set interface down");
}

}  // namespace cc::net
