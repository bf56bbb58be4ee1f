// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::vmm::qemu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Nic MakeNic(uint8_t last = 1) { return {.tap_fd = -1, .mac = {2, 0, 0, 0, 0, last}, .mtu = 1500}; }

TEST(QemuDevices, QemuIsGivenDescriptorsOnly) {
  EXPECT_THAT(NicOptions(MakeNic(0x1f), 2, 7),
              ElementsAre("-netdev", "tap,id=net2,fd=7,vhost=off", "-device",
                          "virtio-net-device,netdev=net2,mac=02:00:00:00:00:1f,host_mtu=1500"));
  Nic unknown = MakeNic();
  unknown.mtu = 0;
  EXPECT_EQ(NicOptions(unknown, 0, 5)[3], "virtio-net-device,netdev=net0,mac=02:00:00:00:00:01");
  EXPECT_THAT(
      DiskOptions({.path = "/a", .read_only = true, .serial = "s"}, 1, 9),
      ElementsAre("-add-fd", "fd=9,set=1", "-blockdev",
                  "driver=file,node-name=file1,filename=/dev/fdset/1,read-only=on,auto-read-only=off",
                  "-blockdev", "driver=raw,node-name=disk1,file=file1,read-only=on,auto-read-only=off",
                  "-device", "virtio-blk-device,drive=disk1,serial=s"));
  EXPECT_THAT(DiskOptions({.path = "/a", .read_only = false, .serial = "s"}, 0, 9)[3],
              HasSubstr("read-only=off"));
}

}  // namespace
}  // namespace cc::vmm::qemu
