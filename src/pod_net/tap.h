// SPDX-License-Identifier: Apache-2.0
// Tap devices: the host's ends of a guest's network interfaces. One lives until its last descriptor is
// closed.
#ifndef CC_POD_NET_TAP_H_
#define CC_POD_NET_TAP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "net/netlink.h"

namespace cc::pod_net {

// Names of our taps begin with this; the kernel adds a number.
constexpr std::string_view kTapPrefix = "cctap";

struct Tap {
  UniqueFd fd;
  std::string name;
  int index = 0;
};

// Makes one in the namespace of the calling thread, which `netlink` belongs to, and sets it up. It has no
// addresses of its own, also no IPv6 link-local one: nobody but the guest speaks on it.
absl::StatusOr<Tap> MakeTap(net::Netlink& netlink);

}  // namespace cc::pod_net

#endif  // CC_POD_NET_TAP_H_
