// SPDX-License-Identifier: Apache-2.0
// A frame with its virtio header (virtio 1.2, section 5.1.6), as guests and taps exchange them.
#ifndef CC_VMM_NET_FRAME_H_
#define CC_VMM_NET_FRAME_H_

#include <cstddef>
#include <cstdint>

namespace cc::vmm::net {

// virtio 1.2, section 5.1.3.
inline constexpr uint64_t kFeatureChecksum = uint64_t{1} << 0;
inline constexpr uint64_t kFeatureGuestChecksum = uint64_t{1} << 1;
inline constexpr uint64_t kFeatureMtu = uint64_t{1} << 3;
inline constexpr uint64_t kFeatureMac = uint64_t{1} << 5;
inline constexpr uint64_t kFeatureGuestTso4 = uint64_t{1} << 7;
inline constexpr uint64_t kFeatureGuestTso6 = uint64_t{1} << 8;
inline constexpr uint64_t kFeatureHostTso4 = uint64_t{1} << 11;
inline constexpr uint64_t kFeatureHostTso6 = uint64_t{1} << 12;
inline constexpr uint64_t kFeatureMergeBuffers = uint64_t{1} << 15;
inline constexpr uint64_t kOffloads = kFeatureChecksum | kFeatureGuestChecksum | kFeatureGuestTso4 |
                                      kFeatureGuestTso6 | kFeatureHostTso4 | kFeatureHostTso6;

// struct virtio_net_hdr_v1, little-endian as the host is.
struct FrameHeader {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_length = 0;
  uint16_t gso_size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
  uint16_t buffers = 0;
};
inline constexpr size_t kHeaderSize = 12;
static_assert(sizeof(FrameHeader) == kHeaderSize);

inline constexpr uint8_t kNeedsChecksum = 1;
inline constexpr uint8_t kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4;

// Ethernet's header, and the longest segmented frame with two VLAN tags.
inline constexpr size_t kMinFrame = 14;
inline constexpr size_t kMaxFrame = 65536 + 14 + 8;

// Is the header of a frame of `size` bytes, sent by a driver with `features`, one that the host's kernel may
// see? What it must not is cleared.
bool AcceptHeader(FrameHeader* header, size_t size, uint64_t features);

}  // namespace cc::vmm::net

#endif  // CC_VMM_NET_FRAME_H_
