// SPDX-License-Identifier: Apache-2.0
// The guest's RAM, mapped into this process, and the only way from a guest's address to a pointer. Immutable
// once made, so any thread may use it; shared by the queues that live in it.
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
  // `shared_bit` is 0, or the address bit that marks the shared alias of a Realm's memory: drivers may set it
  // in the addresses that they give, it is ignored.
  static absl::StatusOr<std::shared_ptr<const GuestMemory>> Map(std::span<const MemoryRegion> regions,
                                                                uint64_t shared_bit = 0);

  // Memory that exists for this process only: one region of zeros.
  static absl::StatusOr<std::shared_ptr<const GuestMemory>> Allocate(uint64_t guest_address, uint64_t size);
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
  // content stays; the next access maps a page again. Only for memory that was mapped from files.
  void ReleasePages() const;

  // Gives the pages of a range back to the system; they read as zeros from now on. InvalidArgument when it is
  // not all RAM or not whole pages.
  absl::Status Discard(uint64_t guest_address, uint64_t size) const;

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
  bool file_backed_ = true;
  uint64_t shared_bit_ = 0;
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_GUEST_MEMORY_H_
