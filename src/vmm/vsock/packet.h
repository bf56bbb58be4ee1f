// SPDX-License-Identifier: Apache-2.0
// The header in front of every vsock packet (virtio 1.2, section 5.10.6).
#ifndef CC_VMM_VSOCK_PACKET_H_
#define CC_VMM_VSOCK_PACKET_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cc::vmm::vsock {

inline constexpr uint64_t kHostCid = 2;
inline constexpr size_t kHeaderSize = 44;
// Longer payloads are refused; Linux sends at most this much in a packet.
inline constexpr uint32_t kMaxPayload = 64 << 10;

enum class Operation : uint16_t {
  kInvalid = 0,
  kRequest = 1,
  kResponse = 2,
  kReset = 3,
  kShutdown = 4,
  kData = 5,
  kCreditUpdate = 6,
  kCreditRequest = 7,
};

inline constexpr uint16_t kTypeStream = 1;
inline constexpr uint32_t kShutdownReceive = 1;  // the sender of the packet will not receive any more
inline constexpr uint32_t kShutdownSend = 2;     // … will not send any more
inline constexpr uint32_t kShutdownBoth = kShutdownReceive | kShutdownSend;

struct [[gnu::packed]] PacketHeader {
  uint64_t source_cid = 0;
  uint64_t target_cid = 0;
  uint32_t source_port = 0;
  uint32_t target_port = 0;
  uint32_t length = 0;  // of the payload
  uint16_t type = kTypeStream;
  Operation operation = Operation::kInvalid;
  uint32_t flags = 0;
  uint32_t buffer_size = 0;  // the sender's receive buffer,
  uint32_t consumed = 0;     // and how many bytes it has taken out of it so far (modulo 2^32)
};
static_assert(sizeof(PacketHeader) == kHeaderSize);
static_assert(std::endian::native == std::endian::little, "the header is little-endian");

using HeaderBytes = std::array<std::byte, kHeaderSize>;
inline HeaderBytes Encode(const PacketHeader& header) { return std::bit_cast<HeaderBytes>(header); }
inline PacketHeader Decode(const HeaderBytes& bytes) { return std::bit_cast<PacketHeader>(bytes); }

}  // namespace cc::vmm::vsock

#endif  // CC_VMM_VSOCK_PACKET_H_
