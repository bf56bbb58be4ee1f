// SPDX-License-Identifier: Apache-2.0
// For tests: a disk of 8 sectors, each full of its own letter, and a driver that makes requests for it.
#ifndef CC_VMM_BLOCK_TEST_REQUESTS_H_
#define CC_VMM_BLOCK_TEST_REQUESTS_H_

#include <fcntl.h>

#include <string>

#include "base/file.h"
#include "vmm/block/disk_file.h"
#include "vmm/virtio/test_driver.h"

namespace cc::vmm::block {

class TestDisk {
 public:
  static constexpr uint64_t kSectors = 8;

  TestDisk() {
    std::string content;
    for (uint64_t i = 0; i < kSectors; ++i) content += Sector(i);
    EXPECT_TRUE(WriteFileAtomic(path(), content).ok());
  }
  static std::string Sector(uint64_t number) { return std::string(512, static_cast<char>('a' + number)); }
  std::string path() const { return dir_.path() + "/disk"; }
  std::string content() const { return *ReadFile(path()); }
  absl::StatusOr<DiskFile> Open(bool read_only, int flags, std::string serial = "layer-0") const {
    return DiskFile::Create(*OpenFile(path(), flags), read_only, std::move(serial));
  }
  DiskFile Open(bool read_only) const { return *Open(read_only, read_only ? O_RDONLY : O_RDWR); }

 private:
  TempDir dir_ = *TempDir::Create("block-test");
};

// A request in three descriptors from `slot` on, with its own memory. Data goes in the direction of the type.
class TestRequests {
 public:
  static constexpr uint16_t kRingSize = 256;
  static constexpr uint64_t kBase = virtio::TestMemory::kBase;

  void Put(uint16_t slot, RequestType type, uint64_t sector, uint32_t data_size) {
    memory.Put(HeaderAt(slot), RequestHeader{static_cast<uint32_t>(type), 0, sector});
    memory.Put<uint8_t>(StatusAt(slot), 0xee);
    const bool from_guest = type == RequestType::kOut;
    ring.Describe(slot, HeaderAt(slot), sizeof(RequestHeader), virtio::kNext,
                  data_size > 0 ? slot + 1 : slot + 2);
    ring.Describe(slot + 1, DataAt(slot), data_size,
                  from_guest ? virtio::kNext : virtio::kNext | virtio::kWrite, slot + 2);
    ring.Describe(slot + 2, StatusAt(slot), 1, virtio::kWrite);
  }
  uint8_t Status(uint16_t slot) const { return memory.Get<uint8_t>(StatusAt(slot)); }
  std::string Data(uint16_t slot, size_t size) const { return memory.GetText(DataAt(slot), size); }
  void PutData(uint16_t slot, std::string_view text) { memory.PutText(DataAt(slot), text); }

  static uint64_t HeaderAt(uint16_t slot) { return kBase + 0x4000 + uint64_t{slot} * 32; }
  static uint64_t StatusAt(uint16_t slot) { return HeaderAt(slot) + 16; }
  static uint64_t DataAt(uint16_t slot) { return kBase + 0x10000 + uint64_t{slot} * 0x800; }

  virtio::TestMemory memory{1 << 20};
  virtio::TestRing ring{&memory, kBase, kRingSize};
};

}  // namespace cc::vmm::block

#endif  // CC_VMM_BLOCK_TEST_REQUESTS_H_
