// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cc {
namespace {

TEST(Mountinfo, TakesPointsRootsAndTypesApart) {
  const std::vector<MountEntry> mounts = ParseMountinfo(
      "22 1 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"
      "40 22 8:1 /var/lib/x /a\\040b\\134c rw - ext4 /dev/sda1 rw,errors=remount-ro\n"
      "garbage\n"
      "50 22 8:1 / /short rw\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].point, "/proc");
  EXPECT_EQ(mounts[0].type, "proc");
  EXPECT_EQ(mounts[1].device, "8:1");
  EXPECT_EQ(mounts[1].root, "/var/lib/x");
  EXPECT_EQ(mounts[1].point, "/a b\\c");
  EXPECT_EQ(mounts[1].type, "ext4");
}

TEST(Mountinfo, OfThisProcessHasProc) {
  const auto mounts = ReadMountinfo();
  ASSERT_TRUE(mounts.ok());
  EXPECT_TRUE(std::any_of(mounts->begin(), mounts->end(),
                          [](const MountEntry& mount) { return mount.point == "/proc"; }));
}

}  // namespace
}  // namespace cc
