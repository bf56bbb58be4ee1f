// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <sys/socket.h>

#include "gtest/gtest.h"

namespace cc::net {
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

}  // namespace
}  // namespace cc::net
