// SPDX-License-Identifier: Apache-2.0
#include "vmm/net/frame.h"

namespace cc::vmm::net {

bool AcceptHeader(FrameHeader* header, size_t size, uint64_t features) {
  header->flags &= kNeedsChecksum;
  header->buffers = 0;
  const bool checksum = header->flags != 0;
  if (!checksum) {
    header->checksum_start = header->checksum_offset = 0;
  } else if ((features & kFeatureChecksum) == 0 ||
             size_t{header->checksum_start} + header->checksum_offset + sizeof(uint16_t) > size) {
    return false;
  }
  switch (header->gso_type) {
    case kGsoNone:
      header->gso_size = header->header_length = 0;
      return true;
    case kGsoTcp4:
      if ((features & kFeatureHostTso4) == 0) return false;
      break;
    case kGsoTcp6:
      if ((features & kFeatureHostTso6) == 0) return false;
      break;
    default:
      return false;
  }
  return checksum && header->gso_size > 0 && header->header_length <= size;
}

}  // namespace cc::vmm::net
