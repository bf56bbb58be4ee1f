// SPDX-License-Identifier: Apache-2.0
// The printing half of an SBSA UART, a subset of Arm's PL011 (Arm Base System Architecture, "Generic UART"):
// for kernels that cannot print to a virtio console early enough. Never busy, never receives, raises no
// interrupt. Any thread.
#ifndef CC_VMM_KVM_GUEST_UART_H_
#define CC_VMM_KVM_GUEST_UART_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace cc::vmm::kvm {

class Uart {
 public:
  // `output` is not owned; -1 = dropped. Characters that it does not take at once are lost.
  explicit Uart(int output) : output_(output) {}

  void Read(uint64_t offset, std::span<std::byte> data) const;
  void Write(uint64_t offset, std::span<const std::byte> data) const;

 private:
  const int output_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_UART_H_
