// SPDX-License-Identifier: Apache-2.0
// What a CNI plugin has set up in a pod's network namespace.
#ifndef CC_POD_NET_SCAN_H_
#define CC_POD_NET_SCAN_H_

#include <vector>

#include "absl/status/statusor.h"
#include "net/inet.h"
#include "net/link.h"
#include "net/netlink.h"

namespace cc::pod_net {

struct Scan {
  std::vector<net::Link> links;
  std::vector<net::LinkAddress> addresses;
  std::vector<net::Route> routes;
  std::vector<net::Neighbor> neighbors;
};

// Asks again when something changed in between.
absl::StatusOr<Scan> ScanNamespace(net::Netlink& netlink);

// The interfaces that a guest gets: all of Ethernet type that are up or have an address, except loopback, our
// taps and the ports of a bridge or bond in the namespace. FailedPrecondition, with the name, for one that
// has addresses and cannot be given to a guest: not Ethernet, standing on another one that is given to it
// (VLAN, macvlan), or with the hardware address of another one.
absl::StatusOr<std::vector<net::Link>> SelectInterfaces(const Scan& scan);

}  // namespace cc::pod_net

#endif  // CC_POD_NET_SCAN_H_
