// SPDX-License-Identifier: Apache-2.0
// Which device answers at which guest address. Built before the vCPUs run, read by all of them.
#ifndef CC_VMM_KVM_GUEST_MMIO_BUS_H_
#define CC_VMM_KVM_GUEST_MMIO_BUS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>

namespace cc::vmm::kvm {

class MmioBus {
 public:
  // Called by vCPU threads, several at once, with the offset in the range.
  struct Handler {
    std::function<void(uint64_t offset, std::span<std::byte> data)> read;
    std::function<void(uint64_t offset, std::span<const std::byte> data)> write;
  };

  void Add(uint64_t base, uint64_t size, Handler handler) { ranges_[base] = {size, std::move(handler)}; }

  // Where nothing is, reads give zeros and writes are lost.
  void Read(uint64_t address, std::span<std::byte> data) const;
  void Write(uint64_t address, std::span<const std::byte> data) const;

 private:
  struct Range {
    uint64_t size = 0;
    Handler handler;
  };
  const Range* Find(uint64_t address, size_t size, uint64_t* offset) const;

  std::map<uint64_t, Range> ranges_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_MMIO_BUS_H_
