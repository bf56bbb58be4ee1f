// SPDX-License-Identifier: Apache-2.0
#include "pod_net/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/rtnetlink.h>

#include "base/strings.h"
#include "pod_net/test_scan.h"

namespace cc::pod_net {
namespace {

using ::testing::HasSubstr;

std::string Names(const Scan& scan) {
  const auto links = SelectInterfaces(scan);
  if (!links.ok()) return std::string(MessageOf(links.status()));
  std::string names;
  for (const net::Link& link : *links) StrAppend(&names, names.empty() ? "" : " ", link.name);
  return names;
}

TEST(SelectInterfacesTest, TakesEveryEthernetInterfaceThatIsUsed) {
  Scan scan;
  net::Link loopback = MakeLink(1, "lo");
  loopback.flags |= IFF_LOOPBACK;
  loopback.type = ARPHRD_LOOPBACK;
  scan.links = {loopback, MakeLink(2, "eth0"), MakeLink(3, "net1")};
  net::Link idle = MakeLink(4, "idle");
  idle.flags = 0;
  net::Link configured = MakeLink(5, "down");
  configured.flags = 0;
  scan.links.push_back(idle);
  scan.links.push_back(configured);
  scan.addresses.push_back(MakeAddress(5, "192.0.2.9/24"));
  EXPECT_EQ(Names(scan), "eth0 net1 down");
  for (const char* kind : {"veth", "macvlan", "ipvlan", "tun", "", "dummy"}) {
    scan.links[1].kind = kind;
    EXPECT_EQ(Names(scan), "eth0 net1 down") << kind;
  }
}

TEST(SelectInterfacesTest, LeavesOurTapsAndPortsAlone) {
  Scan scan;
  net::Link port = MakeLink(3, "port");
  port.master = 4;
  scan.links = {MakeLink(2, "cctap0"), port, MakeLink(4, "br0")};
  EXPECT_EQ(Names(scan), "br0");
}

TEST(SelectInterfacesTest, TunnelsThatEveryNamespaceHasAreIgnored) {
  Scan scan;
  net::Link sit = MakeLink(2, "sit0");
  sit.type = ARPHRD_SIT;
  sit.mac.clear();
  sit.flags = 0;
  scan.links = {sit};
  EXPECT_EQ(Names(scan), "");
  scan.links[0].flags = IFF_UP;
  scan.addresses.push_back(MakeAddress(2, "fe80::1/64", RT_SCOPE_LINK));
  EXPECT_EQ(Names(scan), "");
}

TEST(SelectInterfacesTest, RefusesWhatAGuestCannotGet) {
  Scan wireguard;
  wireguard.links = {MakeLink(2, "wg0")};
  wireguard.links[0].type = ARPHRD_NONE;
  wireguard.links[0].mac.clear();
  wireguard.addresses.push_back(MakeAddress(2, "10.0.0.1/24"));
  EXPECT_THAT(Names(wireguard),
              HasSubstr("interface wg0 of the pod's network cannot be given to a guest: it is "
                        "no Ethernet interface"));

  Scan vlan;
  vlan.links = {MakeLink(2, "eth0"), MakeLink(3, "eth0.7")};
  vlan.links[1].kind = "vlan";
  vlan.links[1].lower = 2;
  EXPECT_THAT(Names(vlan),
              HasSubstr("eth0.7 of the pod's network cannot be given to a guest: it stands on eth0"));

  Scan twins;
  twins.links = {MakeLink(2, "eth0"), MakeLink(3, "net1")};
  twins.links[1].mac = twins.links[0].mac;
  EXPECT_THAT(Names(twins),
              HasSubstr("net1 of the pod's network cannot be given to a guest: it has the hardware "
                        "address 02:00:00:00:00:02 of eth0"));
}

TEST(SelectInterfacesTest, BothEndsOfAVethMayBeThere) {
  Scan scan;
  scan.links = {MakeLink(2, "a"), MakeLink(3, "b")};
  scan.links[0].lower = 3;
  scan.links[1].lower = 2;
  EXPECT_EQ(Names(scan), "a b");
}

}  // namespace
}  // namespace cc::pod_net
