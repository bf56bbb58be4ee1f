// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/early_memory.h"

#include <algorithm>

namespace cc::vmm::kvm {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Linux hands out free pages from the lowest address: to the files that it unpacks from the initramfs, to its
// own small objects and to the first programs.
constexpr uint64_t kObjectsAndPrograms = 16 * kMiB;
// From the end of RAM it takes what it needs before there are free pages: 64 bytes for each page, the page
// tables of the linear map (which a Realm has in pages, 8 bytes for each), the bounce pool and hash tables.
constexpr uint64_t kBytesPerPage = 64 + 8;
constexpr uint64_t kHashTables = 5 * kMiB;
// A guest of so much memory does not wait for this.
constexpr uint64_t kMost = 128 * kMiB;

constexpr uint64_t AlignUp(uint64_t value) {
  return (value + cca::kGranule - 1) / cca::kGranule * cca::kGranule;
}

cca::Populate Zeros(uint64_t base, uint64_t size) {
  return {.base = base, .size = size, .measured = true, .content = "", .owner = nullptr};
}

}  // namespace

std::vector<cca::Populate> EarlyMemory(const EarlyMemoryInput& input) {
  const uint64_t end = input.ram_base + input.ram_size;
  const uint64_t room = end - input.content_end;
  const uint64_t behind = std::min(AlignUp(input.initramfs_size + kObjectsAndPrograms), kMost);
  const uint64_t books = input.ram_size / cca::kGranule * kBytesPerPage + input.bounce_pool + kHashTables;
  const uint64_t last = std::min(AlignUp(books), kMost);
  if (room == 0) return {};
  if (behind + last >= room) return {Zeros(input.content_end, room)};
  return {Zeros(input.content_end, behind), Zeros(end - last, last)};
}

}  // namespace cc::vmm::kvm
