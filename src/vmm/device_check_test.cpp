// SPDX-License-Identifier: Apache-2.0
#include "vmm/device_check.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "base/thread.h"

namespace cc::vmm {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMost = 23;

// In a network namespace that lives as long as the descriptor.
UniqueFd MakeTap(short flags) {
  UniqueFd fd;
  Thread inside = *Thread::Start("netns", [&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    fd.reset(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    request.ifr_flags = flags;
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) fd.reset();
  });
  inside.Join();
  return fd;
}

class DevicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tap_ = MakeTap(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    if (!tap_) GTEST_SKIP() << "a tap needs root";
  }
  std::string File(const std::string& name, off_t size) {
    const std::string path = dir_.path() + "/" + name;
    EXPECT_TRUE(WriteFileAtomic(path, "").ok());
    EXPECT_EQ(::truncate(path.c_str(), size), 0);
    return path;
  }
  Nic MakeNic(uint8_t last = 1) { return {.tap_fd = tap_.get(), .mac = {2, 0, 0, 0, 0, last}, .mtu = 1500}; }
  static std::string Check(const VmSpec& spec) { return std::string(MessageOf(CheckDevices(spec, kMost))); }
  static std::string Check(const Nic& nic) {
    VmSpec spec;
    spec.nics = {nic};
    return Check(spec);
  }
  static std::string Check(const Disk& disk) {
    VmSpec spec;
    spec.disks = {disk};
    return Check(spec);
  }
  UniqueFd tap_;
  TempDir dir_ = *TempDir::Create("/tmp/cc-devices");
};

TEST_F(DevicesTest, AcceptsWhatIsRight) {
  VmSpec spec;
  spec.nics = {MakeNic(1), MakeNic(2)};
  spec.nics[1].mtu = 0;
  spec.disks = {{.path = File("a", 4096), .read_only = true, .serial = "layer-1"},
                {.path = File("b", 512), .read_only = false, .serial = "scratch_0.x"}};
  EXPECT_EQ(Check(spec), "");
}

TEST_F(DevicesTest, RefusesBadNics) {
  Nic nic = MakeNic();
  nic.tap_fd = -1;
  EXPECT_THAT(Check(nic), HasSubstr("descriptor -1 is no tap device"));
  const UniqueFd null = *OpenFile("/dev/null", O_RDWR);
  nic.tap_fd = null.get();
  EXPECT_THAT(Check(nic), HasSubstr("is no tap device"));
  const UniqueFd tun = MakeTap(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
  nic.tap_fd = tun.get();
  EXPECT_THAT(Check(nic), HasSubstr("IFF_TAP"));
  const UniqueFd plain = MakeTap(IFF_TAP | IFF_NO_PI);
  nic.tap_fd = plain.get();
  EXPECT_THAT(Check(nic), HasSubstr("IFF_VNET_HDR"));
  nic = MakeNic();
  nic.mac = {};
  EXPECT_THAT(Check(nic), HasSubstr("00:00:00:00:00:00 is no unicast"));
  nic.mac = {1, 0, 0x5e, 0, 0, 1};
  EXPECT_THAT(Check(nic), HasSubstr("01:00:5e:00:00:01 is no unicast"));
  nic = MakeNic();
  for (uint32_t mtu : {1U, 67U, 65536U}) {
    nic.mtu = mtu;
    EXPECT_THAT(Check(nic), HasSubstr(StrCat("MTU ", mtu)));
  }
  VmSpec spec;
  spec.nics = {MakeNic(1), MakeNic(1)};
  EXPECT_THAT(Check(spec),
              HasSubstr("network interface 1: hardware address 02:00:00:00:00:01 is used twice"));
}

TEST_F(DevicesTest, RefusesBadDisks) {
  const std::string good = File("good", 4096);
  for (const char* serial : {"", "a,b", "with blank", "123456789012345678901", "a=b", "\n"}) {
    EXPECT_THAT(Check(Disk{.path = good, .read_only = true, .serial = serial}), HasSubstr("serial '"))
        << serial;
  }
  EXPECT_THAT(Check(Disk{.path = "/no/such/disk", .read_only = true, .serial = "d"}),
              HasSubstr("/no/such/disk"));
  EXPECT_THAT(Check(Disk{.path = File("empty", 0), .read_only = true, .serial = "d"}),
              HasSubstr("its size of 0"));
  EXPECT_THAT(Check(Disk{.path = File("odd", 513), .read_only = true, .serial = "d"}),
              HasSubstr("its size of 513"));
  EXPECT_THAT(Check(Disk{.path = "/dev/null", .read_only = true, .serial = "d"}),
              HasSubstr("neither a regular file nor a block device"));
  VmSpec spec;
  spec.disks = {{.path = good, .read_only = true, .serial = "d"},
                {.path = good, .read_only = true, .serial = "d"}};
  EXPECT_THAT(Check(spec), HasSubstr("serial 'd' is used twice"));
}

TEST_F(DevicesTest, RefusesMoreThanTheMachineHasSlotsFor) {
  VmSpec spec;
  for (size_t i = 0; i <= kMost; ++i) spec.nics.push_back(MakeNic(static_cast<uint8_t>(i + 1)));
  EXPECT_THAT(Check(spec), HasSubstr("at most 23 devices"));
  spec.nics.pop_back();
  EXPECT_EQ(Check(spec), "");
}

}  // namespace
}  // namespace cc::vmm
