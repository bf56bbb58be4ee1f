// SPDX-License-Identifier: Apache-2.0
#include "vmm/net/frame.h"

#include <gtest/gtest.h>

namespace cc::vmm::net {
namespace {

constexpr size_t kSize = 1000;

TEST(Frame, PlainHeaderLosesWhatMeansNothing) {
  FrameHeader header{.flags = 0xfe,
                     .gso_type = kGsoNone,
                     .header_length = 99,
                     .gso_size = 5,
                     .checksum_start = 60000,
                     .checksum_offset = 60000,
                     .buffers = 7};
  ASSERT_TRUE(AcceptHeader(&header, kSize, 0));
  EXPECT_EQ(header.flags, 0);
  EXPECT_EQ(header.header_length, 0);
  EXPECT_EQ(header.gso_size, 0);
  EXPECT_EQ(header.checksum_start, 0);
  EXPECT_EQ(header.checksum_offset, 0);
  EXPECT_EQ(header.buffers, 0);
}

TEST(Frame, OnlyWhatWasNegotiatedAndLiesInTheFrame) {
  const FrameHeader tcp4{.flags = kNeedsChecksum,
                         .gso_type = kGsoTcp4,
                         .header_length = 54,
                         .gso_size = 1448,
                         .checksum_start = 34,
                         .checksum_offset = 16};
  FrameHeader tcp6 = tcp4;
  tcp6.gso_type = kGsoTcp6;
  FrameHeader sum = tcp4;
  sum.gso_type = kGsoNone;
  const auto changed = [](FrameHeader header, auto change) {
    change(header);
    return header;
  };
  const struct {
    const char* what;
    FrameHeader header;
    uint64_t features;
    bool accepted;
  } cases[] = {
      {"checksum", sum, kFeatureChecksum, true},
      {"checksum that was not negotiated", sum, kFeatureHostTso4, false},
      {"checksum at the very end", changed(sum, [](auto& h) { h.checksum_start = 1000 - 18; }), kOffloads,
       true},
      {"checksum over the end", changed(sum, [](auto& h) { h.checksum_start = 1000 - 17; }), kOffloads,
       false},
      {"checksum far away", changed(sum, [](auto& h) { h.checksum_start = h.checksum_offset = 0xffff; }),
       kOffloads, false},
      {"tcp4", tcp4, kOffloads, true},
      {"tcp6", tcp6, kOffloads, true},
      {"tcp4 as tcp6", tcp4, kFeatureChecksum | kFeatureHostTso6, false},
      {"tcp6 as tcp4", tcp6, kFeatureChecksum | kFeatureHostTso4, false},
      {"the other direction", tcp4, kFeatureChecksum | kFeatureGuestTso4, false},
      {"segments without checksum", changed(tcp4, [](auto& h) { h.flags = 0; }), kOffloads, false},
      {"segments of nothing", changed(tcp4, [](auto& h) { h.gso_size = 0; }), kOffloads, false},
      {"header over the end", changed(tcp4, [](auto& h) { h.header_length = 1001; }), kOffloads, false},
      {"udp", changed(tcp4, [](auto& h) { h.gso_type = 3; }), kOffloads, false},
      {"ecn", changed(tcp4, [](auto& h) { h.gso_type = 0x81; }), kOffloads, false},
      {"unknown", changed(tcp4, [](auto& h) { h.gso_type = 0xff; }), kOffloads, false},
  };
  for (const auto& test : cases) {
    FrameHeader header = test.header;
    EXPECT_EQ(AcceptHeader(&header, kSize, test.features), test.accepted) << test.what;
  }
}

}  // namespace
}  // namespace cc::vmm::net
