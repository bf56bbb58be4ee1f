// SPDX-License-Identifier: Apache-2.0
#ifndef CC_VMM_KVM_MACHINE_HEX_H_
#define CC_VMM_KVM_MACHINE_HEX_H_

#include <charconv>
#include <cstdint>
#include <string>

namespace cc::vmm::kvm {

// Lower-case digits of base 16, without a prefix.
inline std::string Hex(uint64_t number) {
  char digits[16];
  return std::string(digits, std::to_chars(digits, digits + sizeof(digits), number, 16).ptr);
}

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_HEX_H_
