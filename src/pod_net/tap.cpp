// SPDX-License-Identifier: Apache-2.0
#include "pod_net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/link.h"

namespace cc::pod_net {
namespace {

absl::Status SetUpWithoutAddress(net::Netlink& netlink, const Tap& tap) {
  net::NetlinkRequest request(RTM_NEWLINK, 0);
  request.PutExtra<ifinfomsg>()->ifi_index = tap.index;
  request.PutNested(IFLA_AF_SPEC, [&] {
    request.PutNested(AF_INET6, [&] {
      const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
      request.PutBytes(IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    });
  });
  // Without IPv6 in the kernel there is nothing to switch off.
  netlink.Execute(request, "switch off IPv6 link-local addresses").IgnoreError();
  return net::SetLinkUp(netlink, tap.index, true);
}

}  // namespace

absl::StatusOr<Tap> MakeTap(net::Netlink& netlink) {
  absl::StatusOr<UniqueFd> fd = OpenFile("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (!fd.ok()) return Annotate(fd.status(), "make a tap device (kernel option CONFIG_TUN)");
  ifreq request{};
  const std::string pattern = StrCat(kTapPrefix, "%d");
  pattern.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  // SAFETY: TUNSETIFF reads and writes an ifreq.
  if (::ioctl(fd->get(), TUNSETIFF, &request) != 0) return ErrnoStatus(errno, "make a tap device");
  Tap tap{.fd = std::move(*fd), .name = request.ifr_name, .index = 0};
  CC_ASSIGN_OR_RETURN(const net::Link link, net::FindLinkByName(netlink, tap.name));
  tap.index = link.index;
  CC_RETURN_IF_ERROR(Annotate(SetUpWithoutAddress(netlink, tap), StrCat("tap ", tap.name)));
  return tap;
}

}  // namespace cc::pod_net
