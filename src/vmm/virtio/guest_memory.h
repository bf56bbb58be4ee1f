// SPDX-License-Identifier: Apache-2.0
// The guest's RAM, mapped into this process, and the only way from a guest's address to a pointer. Immutable
// after Map, so any thread may use it; shared by the queues that live in it.
#ifndef CC_VMM_VIRTIO_GUEST_MEMORY_H_
#define CC_VMM_VIRTIO_GUEST_MEMORY_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::vmm::virtio {

struct MemoryRegion {
  uint64_t guest_address = 0;
  uint64_t size = 0;
  uint64_t user_address = 0;  // where the VMM that sent the region has it mapped; 0 when there is none
  int fd = -1;                // not kept
  uint64_t fd_offset = 0;
};

class GuestMemory {
 public:
  static constexpr size_t kMaxRegions = 64;

  // Maps every region shared. A file that could shrink (no F_SEAL_SHRINK) is refused: its owner could turn
  // each of our accesses into a SIGBUS. So are overlaps, overflows and regions beyond the end of the file.
  static absl::StatusOr<std::shared_ptr<const GuestMemory>> Map(std::span<const MemoryRegion> regions);
  ~GuestMemory();
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  // Appends the pieces of [guest_address, guest_address + size) to `out`. False, with `out` in an unspecified
  // longer state, when any byte of it is no RAM. Trusts neither number.
  bool Translate(uint64_t guest_address, uint64_t size, std::vector<iovec>* out) const;

  // The same for a range in one region, as ring addresses must be. Empty when it is not all RAM.
  std::span<std::byte> TranslateOne(uint64_t guest_address, uint64_t size) const;
  std::span<std::byte> TranslateUser(uint64_t user_address, uint64_t size) const;

  // Takes the pages out of this process's page tables, so that they no longer count as resident here. The
  // content stays; the next access maps a page again.
  void ReleasePages() const;

 private:
  struct Mapping {
    uint64_t guest_address;
    uint64_t user_address;
    uint64_t size;
    std::byte* data;
  };
  GuestMemory() = default;
  const Mapping* Find(uint64_t guest_address) const;

  std::vector<Mapping> mappings_;  // by guest address, without overlaps
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_GUEST_MEMORY_H_
