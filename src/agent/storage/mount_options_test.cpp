// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/mount_options.h"

#include <sys/mount.h>

#include "gtest/gtest.h"

namespace cc::agent {
namespace {

TEST(ParseMountOptions, SeparatesFlagsFromData) {
  const MountOptions out = ParseMountOptions({"nosuid", "size=64m", "nodev", "", "mode=1777", "rw"});
  EXPECT_EQ(out.flags, static_cast<unsigned long>(MS_NOSUID | MS_NODEV));
  EXPECT_EQ(out.data, "size=64m,mode=1777");
}

TEST(ParseMountOptions, LaterOptionsWin) {
  EXPECT_EQ(ParseMountOptions({"ro", "rw"}).flags, 0UL);
  EXPECT_EQ(ParseMountOptions({"rw", "ro"}).flags, static_cast<unsigned long>(MS_RDONLY));
  EXPECT_EQ(ParseMountOptions({"noexec", "exec", "defaults"}).flags, 0UL);
}

}  // namespace
}  // namespace cc::agent
