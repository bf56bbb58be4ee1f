// SPDX-License-Identifier: Apache-2.0
#include "pod_net/guest_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/strings.h"
#include "pod_net/test_scan.h"

namespace cc::pod_net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Text(const types::Interface& interface) {
  std::string text = StrCat(interface.name(), " ", interface.hwaddr(), " ", interface.mtu());
  for (const types::IPAddress& address : interface.ipaddresses()) {
    StrAppend(&text, address.family() == types::v6 ? " 6:" : " 4:", address.address(), "/", address.mask());
  }
  return text;
}

std::vector<std::string> Texts(const grpc::Routes& routes) {
  std::vector<std::string> texts;
  for (const types::Route& route : routes.routes()) {
    texts.push_back(StrCat(route.family() == types::v6 ? "6 " : "4 ",
                           route.dest().empty() ? "default" : route.dest(),
                           route.gateway().empty() ? "" : StrCat(" via ", route.gateway()), " dev ",
                           route.device(), route.scope() == 0 ? "" : StrCat(" scope ", route.scope()),
                           route.flags() == 0 ? "" : StrCat(" flags ", route.flags()),
                           route.mtu() == 0 ? "" : StrCat(" mtu ", route.mtu()),
                           route.source().empty() ? "" : StrCat(" src ", route.source())));
  }
  return texts;
}

Scan OneVeth() {
  Scan scan;
  scan.links = {MakeLink(2, "eth0")};
  return scan;
}

// What the bridge plugin makes: addresses of both families, connected routes by the kernel, default routes.
TEST(GuestNetworkTest, TellsWhatTheBridgePluginMakes) {
  Scan scan = OneVeth();
  scan.links[0].mtu = 1450;
  scan.addresses = {MakeAddress(2, "10.22.0.5/16"), MakeAddress(2, "2001:db8::5/64"),
                    MakeAddress(2, "fe80::ff:fe00:2/64", RT_SCOPE_LINK)};
  net::Route connected4 = MakeRoute(2, "10.22.0.0/16", "");
  connected4.protocol = RTPROT_KERNEL;
  net::Route connected6 = MakeRoute(2, "2001:db8::/64", "");
  connected6.protocol = RTPROT_KERNEL;
  net::Route local6 = MakeRoute(2, "fe80::/64", "");
  local6.protocol = RTPROT_KERNEL;
  net::Route multicast6 = MakeRoute(2, "ff00::/8", "");
  multicast6.protocol = RTPROT_KERNEL;
  scan.routes = {MakeRoute(2, "", "10.22.0.1"),  connected4, connected6, local6, multicast6,
                 MakeRoute(2, "", "2001:db8::1")};
  const GuestNetwork guest = MakeGuestNetwork(scan, scan.links);
  ASSERT_EQ(guest.interfaces.size(), 1U);
  EXPECT_EQ(Text(guest.interfaces[0]), "eth0 02:00:00:00:00:02 1450 4:10.22.0.5/16 6:2001:db8::5/64");
  EXPECT_EQ(guest.interfaces[0].device(), "eth0");
  EXPECT_EQ(guest.interfaces[0].type(), "veth");
  EXPECT_THAT(Texts(guest.routes),
              ElementsAre("4 default via 10.22.0.1 dev eth0", "6 default via 2001:db8::1 dev eth0"));
  EXPECT_THAT(guest.dropped, IsEmpty());
  EXPECT_EQ(guest.neighbors.arpneighbors_size(), 0);
}

// Calico's way: a /32, a link-local gateway that is answered for by the host, a static neighbour.
TEST(GuestNetworkTest, RoutesToAGatewayOutsideOfThePrefix) {
  Scan scan = OneVeth();
  scan.addresses = {MakeAddress(2, "192.168.7.9/32")};
  net::Route gateway = MakeRoute(2, "169.254.1.1/32", "");
  gateway.scope = RT_SCOPE_LINK;
  net::Route onlink = MakeRoute(2, "198.51.100.0/24", "203.0.113.1");
  onlink.flags = RTNH_F_ONLINK | RTNH_F_LINKDOWN;
  scan.routes = {MakeRoute(2, "", "169.254.1.1"), gateway, onlink};
  const net::Neighbor permanent{.link = 2,
                                .address = *net::ParseIp("169.254.1.1"),
                                .mac = *net::ParseMac("ee:ee:ee:ee:ee:ee"),
                                .state = NUD_PERMANENT,
                                .flags = 0};
  net::Neighbor learned = permanent;
  learned.state = NUD_REACHABLE;
  net::Neighbor multicast = permanent;
  multicast.address = *net::ParseIp("ff02::1");
  net::Neighbor proxy = permanent;
  proxy.flags = NTF_PROXY;
  net::Neighbor elsewhere = permanent;
  elsewhere.link = 9;
  scan.neighbors = {learned, permanent, multicast, proxy, elsewhere};
  const GuestNetwork guest = MakeGuestNetwork(scan, scan.links);
  EXPECT_THAT(Texts(guest.routes),
              ElementsAre("4 169.254.1.1/32 dev eth0 scope 253", "4 default via 169.254.1.1 dev eth0",
                          "4 198.51.100.0/24 via 203.0.113.1 dev eth0 flags 4"));
  ASSERT_EQ(guest.neighbors.arpneighbors_size(), 1);
  const types::ARPNeighbor& neighbor = guest.neighbors.arpneighbors(0);
  EXPECT_EQ(neighbor.toipaddress().address(), "169.254.1.1");
  EXPECT_EQ(neighbor.lladdr(), "ee:ee:ee:ee:ee:ee");
  EXPECT_EQ(neighbor.device(), "eth0");
  EXPECT_EQ(neighbor.state(), NUD_PERMANENT);
}

// The address is 10.0.0.2/32, the peer's route is the kernel's and not that of the address.
TEST(GuestNetworkTest, KeepsTheRouteToThePeerOfAPointToPointAddress) {
  Scan scan = OneVeth();
  scan.addresses = {MakeAddress(2, "10.0.0.2/32")};
  net::Route peer = MakeRoute(2, "10.0.0.1/32", "");
  peer.protocol = RTPROT_KERNEL;
  peer.scope = RT_SCOPE_LINK;
  peer.source = *net::ParseIp("10.0.0.2");
  scan.routes = {peer};
  EXPECT_THAT(Texts(MakeGuestNetwork(scan, scan.links).routes),
              ElementsAre("4 10.0.0.1/32 dev eth0 scope 253 src 10.0.0.2"));
}

TEST(GuestNetworkTest, TwoInterfacesKeepTheBestDefaultRoute) {
  Scan scan = OneVeth();
  scan.links.push_back(MakeLink(3, "net1"));
  scan.addresses = {MakeAddress(3, "192.0.2.5/24"), MakeAddress(2, "10.22.0.5/16")};
  net::Route worse = MakeRoute(3, "", "192.0.2.1");
  worse.metric = 100;
  net::Route best = MakeRoute(2, "", "10.22.0.1");
  best.mtu = 1400;
  scan.routes = {worse, best, MakeRoute(3, "203.0.113.0/24", "192.0.2.1")};
  const GuestNetwork guest = MakeGuestNetwork(scan, scan.links);
  ASSERT_EQ(guest.interfaces.size(), 2U);
  EXPECT_EQ(Text(guest.interfaces[1]), "net1 02:00:00:00:00:03 1500 4:192.0.2.5/24");
  EXPECT_THAT(Texts(guest.routes), ElementsAre("4 default via 10.22.0.1 dev eth0 mtu 1400",
                                               "4 203.0.113.0/24 via 192.0.2.1 dev net1"));
  EXPECT_THAT(guest.dropped, ElementsAre("route to default via 192.0.2.1 of metric 100"));
}

TEST(GuestNetworkTest, SaysWhatTheProtocolCannotSay) {
  Scan scan = OneVeth();
  net::Route blackhole = MakeRoute(0, "192.0.3.0/24", "");
  blackhole.type = RTN_BLACKHOLE;
  net::Route two_hops = MakeRoute(0, "192.0.4.0/24", "");
  scan.routes = {blackhole, two_hops};
  const GuestNetwork guest = MakeGuestNetwork(scan, scan.links);
  EXPECT_EQ(guest.routes.routes_size(), 0);
  EXPECT_THAT(guest.dropped, ElementsAre("route to 192.0.3.0/24 without one interface",
                                         "route to 192.0.4.0/24 without one interface"));
}

TEST(GuestNetworkTest, LeavesRouterAdvertisementsAndOtherInterfacesToThemselves) {
  Scan scan = OneVeth();
  net::Route advertised = MakeRoute(2, "", "fe80::1");
  advertised.protocol = RTPROT_RA;
  scan.routes = {advertised, MakeRoute(1, "127.1.0.0/16", "")};
  const GuestNetwork guest = MakeGuestNetwork(scan, scan.links);
  EXPECT_EQ(guest.routes.routes_size(), 0);
  EXPECT_THAT(guest.dropped, IsEmpty());
}

TEST(GuestNetworkTest, APluginsLinkLocalGatewayIsTold) {
  Scan scan = OneVeth();
  scan.routes = {MakeRoute(2, "", "fe80::1")};
  EXPECT_THAT(Texts(MakeGuestNetwork(scan, scan.links).routes),
              ElementsAre("6 default via fe80::1 dev eth0"));
}

TEST(GuestNetworkTest, AnInterfaceWithoutArpSaysSo) {
  Scan scan = OneVeth();
  scan.links[0].flags |= IFF_NOARP;
  EXPECT_EQ(MakeGuestNetwork(scan, scan.links).interfaces[0].raw_flags(), unsigned{IFF_NOARP});
}

}  // namespace
}  // namespace cc::pod_net
