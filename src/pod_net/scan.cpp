// SPDX-License-Identifier: Apache-2.0
#include "pod_net/scan.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "pod_net/tap.h"

namespace cc::pod_net {
namespace {

using net::Link;

constexpr int kTries = 5;

absl::StatusOr<Scan> ScanOnce(net::Netlink& netlink) {
  Scan scan;
  CC_ASSIGN_OR_RETURN(scan.links, net::ListLinks(netlink));
  CC_ASSIGN_OR_RETURN(scan.addresses, net::ListAddresses(netlink));
  CC_ASSIGN_OR_RETURN(scan.routes, net::ListRoutes(netlink));
  CC_ASSIGN_OR_RETURN(scan.neighbors, net::ListNeighbors(netlink));
  return scan;
}

// IPv6 link-local addresses come by themselves and say nothing.
bool HasAddress(const Scan& scan, const Link& link) {
  return std::any_of(scan.addresses.begin(), scan.addresses.end(), [&](const net::LinkAddress& entry) {
    return entry.link == link.index &&
           (entry.prefix.address.family == AF_INET || entry.scope != RT_SCOPE_LINK);
  });
}

absl::Status Refuse(const Link& link, std::string_view why) {
  return absl::FailedPreconditionError(
      StrCat("interface ", link.name, " of the pod's network cannot be given to a guest: ", why));
}

}  // namespace

absl::StatusOr<Scan> ScanNamespace(net::Netlink& netlink) {
  absl::StatusOr<Scan> scan = ScanOnce(netlink);
  // A dump that a change interrupted is an error of the kernel's.
  for (int i = 1; i < kTries && !scan.ok(); ++i) scan = ScanOnce(netlink);
  return scan;
}

absl::StatusOr<std::vector<Link>> SelectInterfaces(const Scan& scan) {
  std::vector<Link> selected;
  for (const Link& link : scan.links) {
    if ((link.flags & IFF_LOOPBACK) != 0 || link.master != 0 || link.name.starts_with(kTapPrefix)) continue;
    const bool has_address = HasAddress(scan, link);
    if (link.type != ARPHRD_ETHER || link.mac.empty()) {
      if (has_address) return Refuse(link, "it is no Ethernet interface");
      continue;
    }
    if ((link.flags & IFF_UP) == 0 && !has_address) continue;
    selected.push_back(link);
  }
  for (const Link& link : selected) {
    for (const Link& other : selected) {
      if (link.index == other.index) continue;
      if (link.lower == other.index && link.kind != "veth") {
        return Refuse(link, StrCat("it stands on ", other.name,
                                   ", which the guest gets too; make it in the guest or give it a parent "
                                   "outside of the namespace"));
      }
      if (link.mac == other.mac && link.index > other.index) {
        return Refuse(link, StrCat("it has the hardware address ", link.mac, " of ", other.name,
                                   ", by which the guest tells its interfaces apart"));
      }
    }
  }
  return selected;
}

}  // namespace cc::pod_net
