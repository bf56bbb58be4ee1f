// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/block_device.h"

#include "vmm/block/test_requests.h"
#include "vmm/virtio/fuzz_driver.h"

namespace cc::fuzz {

using vmm::virtio::FuzzDriver;
using vmm::virtio::FuzzScript;
using vmm::virtio::kNext;
using vmm::virtio::kWrite;

namespace {

std::string Request(vmm::block::RequestType type, uint64_t sector, uint32_t size) {
  const vmm::block::RequestHeader header{static_cast<uint32_t>(type), 0, sector};
  constexpr uint32_t kData = FuzzDriver::kData;
  const bool from_guest = type == vmm::block::RequestType::kOut;
  return FuzzScript()
      // SAFETY: the object representation of a plain struct.
      .Put(kData, std::string_view(reinterpret_cast<const char*>(&header), sizeof(header)))
      .Describe(0, 0, kData, sizeof(header), kNext, 1)
      .Describe(0, 1, kData + 0x1000, size, static_cast<uint16_t>(kNext | (from_guest ? 0 : kWrite)), 2)
      .Describe(0, 2, kData + 0x100, 1, kWrite)
      .Offer(0, 0)
      .Kick(0)
      .RunLoop()
      .Restart(0)
      .Bytes();
}

}  // namespace

// The first byte says whether the disk may be written.
Target MakeTarget() {
  using vmm::block::RequestType;
  Target target;
  for (const char mode : {'\0', '\1'}) {
    for (const RequestType type : {RequestType::kIn, RequestType::kOut, RequestType::kFlush,
                                   RequestType::kGetId, RequestType::kDiscard}) {
      target.seeds.push_back(std::string(1, mode) +
                             Request(type, 2, type == RequestType::kGetId ? 20 : 1024));
    }
  }
  // Two disks, because the one that may be written does not keep its content.
  const auto scratch = std::make_shared<vmm::block::TestDisk>();
  const auto layer = std::make_shared<vmm::block::TestDisk>();
  const std::string before = layer->content();
  target.run = [scratch, layer, before](std::string_view input) {
    const bool read_only = input.starts_with('\0');
    const auto loop = *EventLoop::Create();
    const auto device =
        *vmm::block::BlockDevice::Create(loop.get(), (read_only ? layer : scratch)->Open(read_only), "fuzz");
    FuzzDriver(device.get(), loop.get()).Run(input.substr(std::min<size_t>(1, input.size())));
    Check(layer->content() == before, "a read-only disk does not change");
    Check(scratch->content().size() == before.size(), "a disk does not grow");
  };
  return target;
}

}  // namespace cc::fuzz
