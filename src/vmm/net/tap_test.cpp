// SPDX-License-Identifier: Apache-2.0
// A real tap, in a network namespace of its own.
#include "vmm/net/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "base/thread.h"
#include "vmm/net/net_device.h"
#include "vmm/net/test_net.h"

namespace cc::vmm::net {
namespace {

using ::testing::HasSubstr;

// The tap, and a socket that sees and sends the frames of its other side.
struct Wire {
  UniqueFd tap, packets;
};

Wire MakeWire() {
  Wire wire;
  Thread inside = *Thread::Start("netns", [&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    UniqueFd tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) return;
    UniqueFd packets(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_802_EX1);  // nothing of the kernel's own
    address.sll_ifindex = static_cast<int>(::if_nametoindex(request.ifr_name));
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (::ioctl(packets.get(), SIOCSIFFLAGS, &request) != 0) return;
    if (::bind(packets.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return;
    wire = {std::move(tap), std::move(packets)};
  });
  inside.Join();
  return wire;
}

std::string TestFrame(size_t payload) {
  std::string frame("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5", 14);
  frame.append(payload, 'p');
  return frame;
}

class TapTest : public ::testing::Test, protected TestNet {
 protected:
  void SetUp() override {
    wire_ = MakeWire();
    if (!wire_.tap) GTEST_SKIP() << "a tap needs root";
  }
  Wire wire_;
};

TEST_F(TapTest, CarriesFramesBothWays) {
  FramePort port = *OpenTap(std::move(wire_.tap));
  EXPECT_EQ(port.offloads, kOffloads);
  device = *NetDevice::Create(loop.get(), {.name = "net0", .port = std::move(port)});
  Start(device->DeviceFeatures());
  Send(TestFrame(900));
  std::string got(4096, '\0');
  ssize_t n = -1;
  while ((n = ::recv(wire_.packets.get(), got.data(), got.size(), 0)) < 0) std::this_thread::yield();
  got.resize(static_cast<size_t>(n));
  EXPECT_EQ(got, TestFrame(900));

  OfferBuffer(0);
  const std::string sent = TestFrame(700);
  ASSERT_EQ(::send(wire_.packets.get(), sent.data(), sent.size(), 0), static_cast<ssize_t>(sent.size()));
  // The kernel may have frames of its own, too.
  for (uint16_t seen = 0;;) {
    loop->RunReady();
    if (receive.UsedIndex() == seen) {
      std::this_thread::yield();
      continue;
    }
    const uint32_t size = receive.UsedLength(seen++) - static_cast<uint32_t>(kHeaderSize);
    if (memory.GetText(BufferAt(0) + kHeaderSize, size) == sent) break;
    OfferBuffer(0);
  }
}

TEST_F(TapTest, TakesAnyCombinationOfFeatures) {
  const FramePort port = *OpenTap(std::move(wire_.tap));
  for (const uint64_t features : {uint64_t{0}, kOffloads, kFeatureGuestChecksum, kFeatureGuestTso4,
                                  kFeatureGuestChecksum | kFeatureGuestTso6, ~uint64_t{0}}) {
    EXPECT_TRUE(port.set_features(features).ok()) << features;
  }
}

TEST(Tap, RefusesOtherDescriptors) {
  EXPECT_THAT(std::string(MessageOf(OpenTap(*OpenFile("/dev/null", O_RDWR)).status())), HasSubstr("no tap"));
  EXPECT_THAT(std::string(MessageOf(OpenTap(UniqueFd()).status())), HasSubstr("no tap"));
}

}  // namespace
}  // namespace cc::vmm::net
