// SPDX-License-Identifier: Apache-2.0
// Routes and static neighbours of the guest.
#ifndef CC_AGENT_NET_ROUTES_H_
#define CC_AGENT_NET_ROUTES_H_

#include "absl/status/status.h"
#include "kata/agent.pb.h"
#include "net/netlink.h"

namespace cc::agent {

// Adds or replaces the routes in the main table, those without a gateway first: a gateway must be reachable.
// All are checked before the first is set.
absl::Status UpdateRoutes(net::Netlink& netlink, const grpc::Routes& request);

// Routes of the main table.
absl::Status ListRoutes(net::Netlink& netlink, grpc::Routes* out);

absl::Status AddNeighbors(net::Netlink& netlink, const grpc::ARPNeighbors& request);

}  // namespace cc::agent

#endif  // CC_AGENT_NET_ROUTES_H_
