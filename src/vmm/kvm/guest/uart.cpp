// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/uart.h"

#include <unistd.h>

#include <algorithm>

namespace cc::vmm::kvm {
namespace {

constexpr uint64_t kData = 0x00, kFlags = 0x18;
constexpr std::byte kEmptyFifos{0x90};  // transmit and receive FIFO empty

}  // namespace

void Uart::Read(uint64_t offset, std::span<std::byte> data) const {
  std::fill(data.begin(), data.end(), std::byte{0});
  if (offset == kFlags) data[0] = kEmptyFifos;
}

void Uart::Write(uint64_t offset, std::span<const std::byte> data) const {
  if (offset != kData || output_ < 0) return;
  [[maybe_unused]] const ssize_t n = ::write(output_, data.data(), 1);
}

}  // namespace cc::vmm::kvm
