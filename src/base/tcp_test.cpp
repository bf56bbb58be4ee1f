// SPDX-License-Identifier: Apache-2.0
#include "base/tcp.h"

#include <gtest/gtest.h>

namespace cc {
namespace {

TEST(TcpTest, ListensOnAFreePortAndSaysWhich) {
  const auto listener = ListenTcp("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  const auto address = LocalAddress(listener->get());
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->substr(0, 10), "127.0.0.1:");
  EXPECT_NE(*address, "127.0.0.1:0");
  EXPECT_FALSE(ListenTcp(*address).ok());
}

TEST(TcpTest, RefusesWhatIsNoNumericAddress) {
  for (const char* address : {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http",
                              "localhost:80", "127.0.0.1:65536", "[::1]", "example.com:1"}) {
    EXPECT_EQ(ListenTcp(address).status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
}

}  // namespace
}  // namespace cc
