// SPDX-License-Identifier: Apache-2.0
// The two names of a page of a Realm. The highest bit of the guest's address space (ipa_bits - 1) says which:
// set, the page is shared with the host ("unprotected"). Memory slots, the device tree and the interrupt
// controller use the lower half only. A guest may set the bit in every address that it gives to a device
// (Linux since 6.15 does, earlier ones do not), and in what an early console on the command line names.
#ifndef CC_CCA_REALM_SHARED_ALIAS_H_
#define CC_CCA_REALM_SHARED_ALIAS_H_

#include <cstdint>

namespace cc::cca::realm {

class SharedAlias {
 public:
  // `ipa_bits` from 32 to 52.
  explicit constexpr SharedAlias(uint8_t ipa_bits) : bit_(uint64_t{1} << (ipa_bits - 1)) {}

  constexpr uint64_t bit() const { return bit_; }
  // Of an address from the guest: queues, descriptors, MMIO exits.
  constexpr uint64_t Strip(uint64_t address) const { return address & ~bit_; }
  // Of an address that the guest uses before it has set up its page tables for a Realm (earlycon).
  constexpr uint64_t Shared(uint64_t address) const { return address | bit_; }

 private:
  uint64_t bit_;
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_SHARED_ALIAS_H_
