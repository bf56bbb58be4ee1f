// SPDX-License-Identifier: Apache-2.0
#include "agent/rpc/utf8.h"

#include "gtest/gtest.h"

namespace cc::agent {
namespace {

TEST(ToUtf8, KeepsValidAndReplacesInvalidBytes) {
  struct Case {
    std::string in;
    std::string out;
  };
  for (const Case& c : {Case{"", ""}, Case{"plain\n", "plain\n"},
                        Case{"\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80"},
                        Case{"a\xff"
                             "b",
                             "a?b"},
                        Case{"\xc3", "?"}, Case{"\xed\xa0\x80", "???"}, Case{"\xc0\xaf", "??"}}) {
    EXPECT_EQ(ToUtf8(c.in), c.out);
  }
}

}  // namespace
}  // namespace cc::agent
