// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/kernel_cmdline.h"

#include <gtest/gtest.h>

namespace cc::datahub {
namespace {

TEST(KernelCmdlineTest, SplitsAtWhiteSpaceAndKeepsQuoted) {
  const KernelCmdline cmdline =
      KernelCmdline::Parse("quiet  root=/dev/vda a=\"b c\" \"d=e f\" g=h\"i j\"k l==m\tn= \n");
  EXPECT_EQ(cmdline.Find("quiet"), "");
  EXPECT_EQ(cmdline.Find("root"), "/dev/vda");
  EXPECT_EQ(cmdline.Find("a"), "b c");
  EXPECT_EQ(cmdline.Find("d"), "e f");
  EXPECT_EQ(cmdline.Find("g"), "hi jk");
  EXPECT_EQ(cmdline.Find("l"), "=m");
  EXPECT_EQ(cmdline.Find("n"), "");
  EXPECT_EQ(cmdline.Find("roo"), std::nullopt);
}

TEST(KernelCmdlineTest, LastValueCountsAndInitArgumentsDoNot) {
  const KernelCmdline cmdline = KernelCmdline::Parse("a=1 a=2 -- a=3 b=4");
  EXPECT_EQ(cmdline.Find("a"), "2");
  EXPECT_EQ(cmdline.Find("b"), std::nullopt);
}

TEST(KernelCmdlineTest, TakesAnything) {
  EXPECT_EQ(KernelCmdline::Parse("").Find(""), std::nullopt);
  EXPECT_EQ(KernelCmdline::Parse("a=\"never closed x=1").Find("a"), "never closed x=1");
  EXPECT_EQ(KernelCmdline::Parse("\"\"").Find(""), "");
}

}  // namespace
}  // namespace cc::datahub
