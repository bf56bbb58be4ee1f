// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "vmm/net/test_net.h"
#include "vmm/virtio/fuzz_driver.h"

namespace cc::fuzz {

using vmm::virtio::FuzzDriver;
using vmm::virtio::FuzzScript;
using vmm::virtio::kNext;
using vmm::virtio::kWrite;

namespace {

std::string HeaderBytes(const vmm::net::FrameHeader& header) {
  // SAFETY: the object representation of a plain struct.
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header));
}

// A frame each way, with `features`.
std::string BothWays(uint64_t features, const vmm::net::FrameHeader& header) {
  constexpr uint32_t kData = FuzzDriver::kData;
  return FuzzScript()
      .Features(features)
      .Put(kData, HeaderBytes(header) + std::string(80, 'f'))
      .Describe(1, 0, kData, 12, kNext, 1)
      .Describe(1, 1, kData + 12, 80, 0)
      .Offer(1, 0)
      .Kick(1)
      .Describe(0, 0, kData + 0x1000, 40, kWrite)
      .Describe(0, 1, kData + 0x2000, 2000, kWrite)
      .Offer(0, 0)
      .Offer(0, 1)
      .Kick(0)
      .Host(std::string("\x01\x50", 2) + HeaderBytes(header) + std::string(68, 'w'))
      .RunLoop()
      .Host(std::string(1, '\0'))
      .Bytes();
}

}  // namespace

Target MakeTarget() {
  using namespace vmm::net;
  return {.seeds = {BothWays(0, {}), BothWays(kFeatureMergeBuffers, {}),
                    BothWays(kOffloads | kFeatureMergeBuffers, {.flags = kNeedsChecksum,
                                                                .gso_type = kGsoTcp4,
                                                                .header_length = 54,
                                                                .gso_size = 100,
                                                                .checksum_start = 34,
                                                                .checksum_offset = 16})},
          .run = [](std::string_view input) {
            const auto loop = *EventLoop::Create();
            TestWire wire;
            const auto device = *NetDevice::Create(
                loop.get(), {.name = "net0", .port = wire.Port(), .mac = {2}, .mtu = 1400});
            FuzzDriver driver(device.get(), loop.get(), [&](Bytes& bytes) {
              if (bytes.Byte() != 0) {
                wire.SendRaw(bytes.Take(bytes.Byte()));
              } else if (const auto got = wire.Receive(); got.has_value()) {
                Check(got->size() >= kHeaderSize + kMinFrame && got->size() <= kHeaderSize + kMaxFrame,
                      "a frame that leaves has the size of one");
              }
            });
            driver.Run(input);
          }};
}

}  // namespace cc::fuzz
