// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/mmio_bus.h"

#include <algorithm>
#include <iterator>

namespace cc::vmm::kvm {

const MmioBus::Range* MmioBus::Find(uint64_t address, size_t size, uint64_t* offset) const {
  const auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return nullptr;
  const auto& [base, range] = *std::prev(after);
  *offset = address - base;
  return *offset < range.size && size <= range.size - *offset ? &range : nullptr;
}

void MmioBus::Read(uint64_t address, std::span<std::byte> data) const {
  uint64_t offset = 0;
  if (const Range* range = Find(address, data.size(), &offset)) return range->handler.read(offset, data);
  std::fill(data.begin(), data.end(), std::byte{0});
}

void MmioBus::Write(uint64_t address, std::span<const std::byte> data) const {
  uint64_t offset = 0;
  if (const Range* range = Find(address, data.size(), &offset)) range->handler.write(offset, data);
}

}  // namespace cc::vmm::kvm
