// SPDX-License-Identifier: Apache-2.0
// The arm64 boot image (Linux, Documentation/arch/arm64/booting.rst, "Call the kernel image"), plain or
// compressed with gzip.
#ifndef CC_VMM_KVM_MACHINE_ARM64_IMAGE_H_
#define CC_VMM_KVM_MACHINE_ARM64_IMAGE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "vmm/kvm/machine/guest_file.h"

namespace cc::vmm::kvm {

struct Arm64Image {
  GuestFile file;            // what is placed in memory, inflated
  uint64_t text_offset = 0;  // bytes from a 2 MiB boundary to the image
  uint64_t image_size = 0;   // bytes that the kernel occupies from its start on, those without content too
  uint32_t page_size = 0;    // of the guest; 0 = not said
};

// Larger images are refused, so that a small gzip file cannot fill the memory.
inline constexpr size_t kMaxImage = size_t{128} << 20;

// InvalidArgument names what the file is instead, and what to do about it.
absl::StatusOr<Arm64Image> ParseArm64Image(GuestFile file);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_ARM64_IMAGE_H_
