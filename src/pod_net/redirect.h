// SPDX-License-Identifier: Apache-2.0
// Every frame that an interface receives leaves through another one (tc: ingress qdisc, u32, mirred). A pair
// of them makes a tap and a pod's interface one wire, without a bridge and without changing the interface.
//
// A redirect outlives its target: the kernel keeps the filter and drops the frames. So what is left of a VM
// that is gone is known by its dead target, and needs no records.
#ifndef CC_POD_NET_REDIRECT_H_
#define CC_POD_NET_REDIRECT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/link.h"
#include "net/netlink.h"

namespace cc::pod_net {

// Both directions. AlreadyExists when a redirect of ours to a living interface is on one of them, that is,
// when another VM has it. An ingress or clsact qdisc of somebody else is used and kept, and filters of a
// smaller priority number see the frames first.
absl::Status Connect(net::Netlink& netlink, const net::Link& interface, const net::Link& tap);

// Removes redirects of ours whose target is gone, and ingress qdiscs that were there for them only. Redirects
// of a running VM stay.
absl::Status RemoveDeadRedirects(net::Netlink& netlink);

}  // namespace cc::pod_net

#endif  // CC_POD_NET_REDIRECT_H_
