// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "agent/net/links.h"
#include "agent/net/routes.h"
#include "gtest/gtest.h"
#include "net/inet.h"
#include "net/link.h"

namespace cc::agent {
namespace {

using enum absl::StatusCode;

using net::FindLinkByName;
using net::Netlink;
using net::SetLinkUp;

// In a network namespace of its own, with nothing but loopback.
class NetlinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "a network namespace needs root";
    netlink_.emplace(*Netlink::Open());
  }
  std::optional<Netlink> netlink_;
};

TEST_F(NetlinkTest, BringsLoopbackUpAndListsIt) {
  auto loopback = FindLinkByName(*netlink_, "lo");
  ASSERT_TRUE(loopback.ok()) << loopback.status();
  ASSERT_TRUE(SetLinkUp(*netlink_, loopback->index, true).ok());
  grpc::Interfaces out;
  ASSERT_TRUE(ListInterfaces(*netlink_, &out).ok());
  ASSERT_GE(out.interfaces_size(), 1);
  EXPECT_EQ(out.interfaces(0).name(), "lo");
  ASSERT_GE(out.interfaces(0).ipaddresses_size(), 1);
  EXPECT_EQ(out.interfaces(0).ipaddresses(0).address(), "127.0.0.1");
  EXPECT_EQ(out.interfaces(0).ipaddresses(0).mask(), "8");
}

TEST_F(NetlinkTest, AddsRoutesWithoutGatewayFirst) {
  ASSERT_TRUE(SetLinkUp(*netlink_, FindLinkByName(*netlink_, "lo")->index, true).ok());
  grpc::Routes request;
  types::Route* far = request.add_routes();
  far->set_dest("198.51.100.0/24");
  far->set_gateway("192.0.2.1");
  far->set_device("lo");
  types::Route* near = request.add_routes();
  near->set_dest("192.0.2.0/24");
  near->set_device("lo");
  near->set_scope(253);
  const absl::Status status = UpdateRoutes(*netlink_, request);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(UpdateRoutes(*netlink_, request).ok()) << "a route that is there is replaced";
  grpc::Routes out;
  ASSERT_TRUE(ListRoutes(*netlink_, &out).ok());
  int found = 0;
  for (const types::Route& route : out.routes()) {
    if (route.dest() == "198.51.100.0/24" && route.gateway() == "192.0.2.1" && route.device() == "lo")
      ++found;
    if (route.dest() == "192.0.2.0/24" && route.scope() == 253) ++found;
  }
  EXPECT_EQ(found, 2);
}

TEST_F(NetlinkTest, ChecksAllRoutesBeforeTheFirst) {
  grpc::Routes request;
  types::Route* good = request.add_routes();
  good->set_dest("192.0.2.0/24");
  good->set_device("lo");
  types::Route* mixed = request.add_routes();
  mixed->set_dest("2001:db8::/32");
  mixed->set_device("lo");
  EXPECT_EQ(UpdateRoutes(*netlink_, request).code(), kInvalidArgument);
  mixed->set_dest("192.0.3.0/40");
  EXPECT_EQ(UpdateRoutes(*netlink_, request).code(), kInvalidArgument);
  mixed->set_dest("");
  mixed->set_device("../x");
  EXPECT_EQ(UpdateRoutes(*netlink_, request).code(), kInvalidArgument);
  grpc::Routes out;
  ASSERT_TRUE(ListRoutes(*netlink_, &out).ok());
  for (const types::Route& route : out.routes()) EXPECT_NE(route.dest(), "192.0.2.0/24");
}

// A request of the address alone, as it comes each time the pod's network changes.
types::Interface Request(const std::string& mac, const std::vector<std::string>& addresses) {
  types::Interface request;
  request.set_name("eth0");
  request.set_hwaddr(mac);
  request.set_mtu(1400);
  for (const std::string& address : addresses) {
    request.add_ipaddresses()->set_address(address);
    request.mutable_ipaddresses()->rbegin()->set_mask(address.find(':') == std::string::npos ? "24" : "64");
  }
  return request;
}

TEST_F(NetlinkTest, AnInterfaceFollowsItsRequests) {
  ASSERT_EQ(std::system("ip link add d0 address 02:00:00:00:00:01 type veth peer name d1"), 0);
  const auto addresses = [&] {
    std::vector<std::string> out;
    const auto present = net::ListAddresses(*netlink_);
    EXPECT_TRUE(present.ok()) << present.status();
    for (const net::LinkAddress& entry : *present) {
      if (entry.scope == 0) out.push_back(net::Format(entry.prefix));
    }
    return out;
  };
  using List = std::vector<std::string>;
  ASSERT_TRUE(UpdateInterface(*netlink_, Request("02:00:00:00:00:01", {"192.0.2.1", "2001:db8::1"})).ok());
  EXPECT_EQ(addresses(), (List{"192.0.2.1/24", "2001:db8::1/64"}));
  EXPECT_EQ(FindLinkByName(*netlink_, "eth0")->mtu, 1400U);
  // While it is up: another address, the old one goes.
  absl::Status status =
      UpdateInterface(*netlink_, Request("02:00:00:00:00:01", {"192.0.2.2", "2001:db8::1"}));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(addresses(), (List{"192.0.2.2/24", "2001:db8::1/64"}));
  // Another hardware address, and then none of its addresses.
  types::Interface request = Request("02:00:00:00:00:02", {});
  request.set_devicepath("mac:02:00:00:00:00:01");
  status = UpdateInterface(*netlink_, request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(addresses(), List());
  EXPECT_EQ(FindLinkByName(*netlink_, "eth0")->mac, "02:00:00:00:00:02");
  EXPECT_EQ(UpdateInterface(*netlink_, request).code(), kNotFound) << "the old address is gone";
  request.set_devicepath("mac:nonsense");
  EXPECT_EQ(UpdateInterface(*netlink_, request).code(), kInvalidArgument);
}

TEST_F(NetlinkTest, RefusesBadInterfaceRequests) {
  types::Interface request;
  request.set_name("eth0");
  request.set_hwaddr("02:00:00:00:00:01");
  EXPECT_EQ(UpdateInterface(*netlink_, request).code(), kNotFound);
  request.set_mtu(1 << 20);
  EXPECT_EQ(UpdateInterface(*netlink_, request).code(), kInvalidArgument);
  request.set_mtu(1500);
  request.add_ipaddresses()->set_address("192.0.2.1");
  EXPECT_EQ(UpdateInterface(*netlink_, request).code(), kInvalidArgument) << "no prefix length";
  request.clear_ipaddresses();
  request.set_name("a/b");
  EXPECT_EQ(UpdateInterface(*netlink_, request).code(), kInvalidArgument);
}

}  // namespace
}  // namespace cc::agent
