// SPDX-License-Identifier: Apache-2.0
// From what is in the pod's namespace to what the guest's agent is told, in the form of Kata's protocol.
#ifndef CC_POD_NET_GUEST_NETWORK_H_
#define CC_POD_NET_GUEST_NETWORK_H_

#include <string>
#include <vector>

#include "kata/agent.pb.h"
#include "kata/types.pb.h"
#include "net/link.h"
#include "pod_net/scan.h"

namespace cc::pod_net {

struct GuestNetwork {
  std::vector<types::Interface> interfaces;  // in the order of the links
  grpc::Routes routes;                       // those without a gateway first
  grpc::ARPNeighbors neighbors;
  std::vector<std::string> dropped;  // for the log: what the protocol cannot say
};

// A pure function. What the guest's kernel makes by itself is left out: link-local IPv6 addresses and routes,
// routes of an interface's own prefixes, routes from router advertisements (the guest hears those itself).
// Everything else of `links` is told; of several routes to one destination the one of the smallest metric.
GuestNetwork MakeGuestNetwork(const Scan& scan, const std::vector<net::Link>& links);

}  // namespace cc::pod_net

#endif  // CC_POD_NET_GUEST_NETWORK_H_
