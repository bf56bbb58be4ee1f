// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/net/address.h"
#include "agent/net/links.h"
#include "agent/net/routes.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using enum absl::StatusCode;

TEST(Address, ParsesAndRefusesIp) {
  EXPECT_EQ(ParseIp("192.0.2.1")->family, AF_INET);
  EXPECT_EQ(ParseIp("2001:db8::1")->bytes.size(), 16U);
  for (const std::string& bad :
       {std::string(), std::string("1.2.3"), std::string("1.2.3.256"), std::string("::g"),
        std::string("1.2.3.4 "), std::string("1.2.3.4\0", 8), std::string("host")}) {
    EXPECT_EQ(ParseIp(bad).status().code(), kInvalidArgument) << bad;
  }
}

TEST(Address, ParsesAndRefusesPrefixes) {
  EXPECT_EQ(ParsePrefix("10.0.0.0/8")->length, 8);
  EXPECT_EQ(ParsePrefix("10.0.0.1")->length, 32);
  EXPECT_EQ(ParsePrefix("::/0")->length, 0);
  for (const char* bad :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "/8", "10.0.0.0/8/8", "10.0.0.0/ 8"}) {
    EXPECT_EQ(ParsePrefix(bad).status().code(), kInvalidArgument) << bad;
  }
}

TEST(Address, ParsesAndRefusesMac) {
  EXPECT_EQ(FormatMac(ParseMac("02:AB:00:ff:10:9c")->data()), "02:ab:00:ff:10:9c");
  for (const char* bad : {"", "02:00:00:00:00", "02:00:00:00:00:00:00", "2:0:0:0:0:0", "02:00:00:00:00:0g",
                          "02-00-00-00-00-00"}) {
    EXPECT_EQ(ParseMac(bad).status().code(), kInvalidArgument) << bad;
  }
}

TEST(Address, ChecksInterfaceNames) {
  for (const char* good : {"eth0", "a", "net-1.5", "fifteen-letters"})
    EXPECT_TRUE(CheckInterfaceName(good).ok()) << good;
  for (const char* bad : {"", ".", "..", "a/b", "a b", "a:1", "sixteen-letters-", "a\n"}) {
    EXPECT_EQ(CheckInterfaceName(bad).code(), kInvalidArgument) << bad;
  }
}

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
