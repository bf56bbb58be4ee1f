// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/io_vectors.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace cc::vmm::virtio {
namespace {

std::string Text(std::span<const iovec> pieces) {
  std::string out;
  for (const iovec& piece : pieces) out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return out;
}

TEST(IoVectorsTest, SlicesAtAnyPlace) {
  std::string a = "abc", b, c = "defgh";
  const std::array<iovec, 3> pieces{{{a.data(), 3}, {b.data(), 0}, {c.data(), 5}}};
  const struct {
    size_t offset, size;
    const char* want;
  } kCases[] = {{0, 8, "abcdefgh"}, {0, 3, "abc"}, {2, 2, "cd"}, {3, 1, "d"},
                {7, 9, "h"},        {8, 1, ""},    {1, 0, ""}};
  for (const auto& t : kCases) {
    std::vector<iovec> slice;
    AppendSlice(pieces, t.offset, t.size, &slice);
    EXPECT_EQ(Text(slice), t.want) << t.offset << "+" << t.size;
  }
}

TEST(IoVectorsTest, CopiesAsFarAsBothReach) {
  std::string a = "ab", b = "cd";
  const std::array<iovec, 2> pieces{{{a.data(), 2}, {b.data(), 2}}};
  std::array<std::byte, 3> three;
  EXPECT_EQ(CopyFromGuest(pieces, three), 3u);
  EXPECT_EQ(std::memcmp(three.data(), "abc", 3), 0);
  std::array<std::byte, 9> nine;
  EXPECT_EQ(CopyFromGuest(pieces, nine), 4u);
  EXPECT_EQ(CopyToGuest(std::as_bytes(std::span("xyzuvw", 6)), pieces), 4u);
  EXPECT_EQ(Text(pieces), "xyzu");
}

}  // namespace
}  // namespace cc::vmm::virtio
