// SPDX-License-Identifier: Apache-2.0
// For tests: files with an arm64 Image header.
#ifndef CC_VMM_KVM_MACHINE_TEST_IMAGE_H_
#define CC_VMM_KVM_MACHINE_TEST_IMAGE_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "vmm/kvm/machine/guest_file.h"

namespace cc::vmm::kvm {

struct ImageHeader {
  uint64_t text_offset = 0;
  uint64_t image_size = 0x300000;
  uint64_t flags = 0b1010;  // little-endian, 4 KiB pages, anywhere
};

// `size` bytes, of which the header is real and the rest a pattern.
inline std::string ImageBytes(const ImageHeader& header = {}, size_t size = 0x12345) {
  std::string bytes(size, '\0');
  for (size_t i = 64; i < size; ++i) bytes[i] = static_cast<char>(i * 7);
  std::memcpy(bytes.data() + 8, &header.text_offset, 8);
  std::memcpy(bytes.data() + 16, &header.image_size, 8);
  std::memcpy(bytes.data() + 24, &header.flags, 8);
  std::memcpy(bytes.data() + 56, "ARM\x64", 4);
  return bytes;
}

inline GuestFile TestImage(const ImageHeader& header = {}, size_t size = 0x12345) {
  return OwnedGuestFile("test kernel", ImageBytes(header, size));
}

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_TEST_IMAGE_H_
