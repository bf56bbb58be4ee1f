// SPDX-License-Identifier: Apache-2.0
// The pages of a Realm that its kernel is sure to touch while it boots. A page that is not there yet costs a
// fault, two changes of the world and a new table entry, three times as much as one that is there from the
// start, so these are: as zeros, measured like all content, because the host must not choose what is in them.
// A kernel that takes other pages first is slower, nothing else.
#ifndef CC_VMM_KVM_MACHINE_EARLY_MEMORY_H_
#define CC_VMM_KVM_MACHINE_EARLY_MEMORY_H_

#include <cstdint>
#include <vector>

#include "cca/plan.h"

namespace cc::vmm::kvm {

struct EarlyMemoryInput {
  uint64_t ram_base = 0;
  uint64_t ram_size = 0;
  uint64_t content_end = 0;  // of the last content, the initramfs; on a granule
  uint64_t initramfs_size = 0;
  uint64_t bounce_pool = 0;
};

// One or two ranges without content, behind the initramfs and at the end of RAM.
std::vector<cca::Populate> EarlyMemory(const EarlyMemoryInput& input);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_EARLY_MEMORY_H_
