// SPDX-License-Identifier: Apache-2.0
// Against the kernel, in a network namespace of its own; iproute2 makes what is listed.
#include "net/link.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <optional>

#include "base/process.h"
#include "base/strings.h"
#include "gtest/gtest.h"
#include "net/inet.h"

namespace cc::net {
namespace {

class LinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "a network namespace needs root";
    netlink_.emplace(*Netlink::Open());
  }
  static void Ip(const std::string& command) {
    std::vector<std::string> argv = {"ip"};
    for (std::string_view word : StrSplit(command, ' ')) argv.emplace_back(word);
    const absl::StatusOr<Output> output = cc::Run({.argv = argv});
    ASSERT_TRUE(output.ok()) << output.status();
    ASSERT_EQ(output->exit.Status(), 0) << "ip " << command << ": " << output->err;
  }
  std::optional<Netlink> netlink_;
};

TEST_F(LinkTest, DescribesAVethPair) {
  Ip("link add v0 mtu 1400 address 02:00:00:00:00:0a type veth peer name v1");
  const auto v0 = FindLinkByName(*netlink_, "v0");
  const auto v1 = FindLinkByName(*netlink_, "v1");
  ASSERT_TRUE(v0.ok() && v1.ok());
  EXPECT_EQ(v0->kind, "veth");
  EXPECT_EQ(v0->mac, "02:00:00:00:00:0a");
  EXPECT_EQ(v0->mtu, 1400U);
  EXPECT_EQ(v0->type, ARPHRD_ETHER);
  EXPECT_EQ(v0->lower, v1->index);
  EXPECT_EQ(v0->flags & IFF_UP, 0U);
}

TEST_F(LinkTest, NamesThePortsOfABridge) {
  Ip("link add br0 type bridge");
  Ip("link add d0 type veth peer name x0");
  Ip("link set d0 master br0");
  EXPECT_EQ(FindLinkByName(*netlink_, "d0")->master, FindLinkByName(*netlink_, "br0")->index);
}

TEST_F(LinkTest, ChangesWhatItIsAskedTo) {
  Ip("link add d0 type veth peer name x0");
  const int index = FindLinkByName(*netlink_, "d0")->index;
  const LinkChange change{.index = index,
                          .name = "eth0",
                          .mac = *ParseMac("02:00:00:00:00:0b"),
                          .mtu = 9000,
                          .flags = IFF_UP,
                          .mask = IFF_UP};
  ASSERT_TRUE(ChangeLink(*netlink_, change, "change").ok());
  const auto link = FindLinkByName(*netlink_, "eth0");
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_EQ(link->mac, "02:00:00:00:00:0b");
  EXPECT_EQ(link->mtu, 9000U);
  EXPECT_NE(link->flags & IFF_UP, 0U);
  EXPECT_TRUE(absl::IsNotFound(FindLinkByName(*netlink_, "d0").status()));
}

TEST_F(LinkTest, ListsAddressesRoutesAndNeighbours) {
  Ip("link add d0 address 02:00:00:00:00:0a type veth peer name x0");
  Ip("link set x0 up");
  Ip("link set d0 up");
  Ip("addr add 192.0.2.5/24 dev d0");
  Ip("addr add 2001:db8::5/64 dev d0 nodad");
  Ip("route add default via 192.0.2.1 dev d0 metric 7 mtu 1300");
  Ip("route add 198.51.100.0/24 via 203.0.113.1 dev d0 onlink");
  Ip("route add blackhole 192.0.3.0/24");
  Ip("-6 route add default via 2001:db8::1 dev d0");
  Ip("neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev d0 nud permanent");
  const int index = FindLinkByName(*netlink_, "d0")->index;

  std::vector<std::string> addresses;
  const std::vector<LinkAddress> present = *ListAddresses(*netlink_);
  for (const LinkAddress& entry : present) {
    if (entry.link == index) addresses.push_back(StrCat(Format(entry.prefix), " ", entry.scope));
  }
  const auto has = [&](std::string_view text) {
    return std::find(addresses.begin(), addresses.end(), text) != addresses.end();
  };
  EXPECT_TRUE(has(StrCat("192.0.2.5/24 ", int{RT_SCOPE_UNIVERSE}))) << StrJoin(addresses, ", ");
  EXPECT_TRUE(has(StrCat("2001:db8::5/64 ", int{RT_SCOPE_UNIVERSE}))) << StrJoin(addresses, ", ");
  EXPECT_TRUE(has(StrCat("fe80::ff:fe00:a/64 ", int{RT_SCOPE_LINK}))) << StrJoin(addresses, ", ");

  bool default4 = false, onlink = false, blackhole = false, default6 = false, connected = false;
  const std::vector<Route> routes = *ListRoutes(*netlink_);
  for (const Route& route : routes) {
    const std::string to = route.destination.has_value() ? Format(*route.destination) : "default";
    const std::string via = route.gateway.has_value() ? Format(*route.gateway) : "";
    default4 |= to == "default" && via == "192.0.2.1" && route.metric == 7 && route.mtu == 1300 &&
                route.link == index && route.protocol == RTPROT_BOOT;
    onlink |= to == "198.51.100.0/24" && via == "203.0.113.1" && (route.flags & RTNH_F_ONLINK) != 0;
    blackhole |= to == "192.0.3.0/24" && route.type == RTN_BLACKHOLE;
    default6 |= to == "default" && via == "2001:db8::1" && route.family == AF_INET6;
    connected |=
        to == "192.0.2.0/24" && route.protocol == RTPROT_KERNEL && Format(*route.source) == "192.0.2.5";
  }
  EXPECT_TRUE(default4 && onlink && blackhole && default6 && connected)
      << default4 << onlink << blackhole << default6 << connected;

  const std::vector<Neighbor> neighbors = *ListNeighbors(*netlink_);
  const auto found = std::find_if(neighbors.begin(), neighbors.end(), [&](const Neighbor& neighbor) {
    return neighbor.link == index && Format(neighbor.address) == "192.0.2.1";
  });
  ASSERT_NE(found, neighbors.end());
  EXPECT_EQ(FormatMac(found->mac.data()), "02:00:00:00:00:01");
  EXPECT_EQ(found->state, NUD_PERMANENT);
}

}  // namespace
}  // namespace cc::net
