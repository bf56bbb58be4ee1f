// SPDX-License-Identifier: Apache-2.0
#include "datahub/routes.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::datahub {
namespace {

constexpr char kHeader[] =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

TEST(RoutesTest, FindsIpv4Default) {
  EXPECT_TRUE(HasDefaultRoute(
      std::string(kHeader) + "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", ""));
}

TEST(RoutesTest, IgnoresOtherIpv4Routes) {
  for (const char* line : {"eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",  // a network
                           "eth0\t00000000\t010011AC\t0002\t0\t0\t0\t00000000\t0\t0\t0",  // down
                           "eth0\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0",  // reject
                           "eth0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0",  // 0.0.0.0/1
                           "eth0\t00000000", "", "garbage \x01"}) {
    EXPECT_FALSE(HasDefaultRoute(std::string(kHeader) + line + "\n", "")) << line;
  }
}

TEST(RoutesTest, FindsIpv6Default) {
  EXPECT_TRUE(
      HasDefaultRoute("",
                      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                      "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"));
}

TEST(RoutesTest, IgnoresTheKernelsUnreachableIpv6Route) {
  // What a kernel without any IPv6 route shows.
  EXPECT_FALSE(
      HasDefaultRoute("",
                      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                      "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"));
}

}  // namespace
}  // namespace cc::datahub
