// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/tsc.h"

#include <gtest/gtest.h>

namespace cc::vmm::qemu {
namespace {

TEST(TscTest, IsARateThatProcessorsHaveAndStaysTheSame) {
  const uint64_t khz = HostTickKhz();
  EXPECT_GT(khz, 1000u);  // arm64 counters start at 1 MHz
  EXPECT_LT(khz, 10000000u);
  EXPECT_EQ(HostTickKhz(), khz);
}

}  // namespace
}  // namespace cc::vmm::qemu
