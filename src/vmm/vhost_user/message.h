// SPDX-License-Identifier: Apache-2.0
// Messages of the vhost-user protocol as QEMU (the front end) sends them over a unix stream socket: a header
// of 12 bytes, a payload, and file descriptors beside them.
#ifndef CC_VMM_VHOST_USER_MESSAGE_H_
#define CC_VMM_VHOST_USER_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::vmm::vhost_user {

enum class Request : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemoryTable = 5,
  kSetVringSize = 8,
  kSetVringAddress = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringError = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueCount = 17,
  kSetVringEnable = 18,
  kGetConfig = 24,
};

inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kVersionMask = 3;
inline constexpr uint32_t kFlagReply = 4;
inline constexpr uint32_t kFlagNeedReply = 8;

// Bit of the virtio features by which both sides agree to speak of protocol features.
inline constexpr uint64_t kFeatureProtocolFeatures = uint64_t{1} << 30;

inline constexpr uint64_t kProtocolMultiQueue = 1 << 0;
inline constexpr uint64_t kProtocolReplyAck = 1 << 3;
inline constexpr uint64_t kProtocolConfig = 1 << 9;

struct VringState {
  uint32_t index;
  uint32_t value;
};

struct VringAddress {
  uint32_t index;
  uint32_t flags;
  uint64_t descriptors;  // this and the next two are addresses of the front end
  uint64_t used;
  uint64_t available;
  uint64_t log;
};

inline constexpr size_t kMaxMemoryRegions = 8;
struct MemoryTableHeader {
  uint32_t count;
  uint32_t padding;
};
struct MemoryTableRegion {
  uint64_t guest_address;
  uint64_t size;
  uint64_t user_address;
  uint64_t offset;
};

inline constexpr size_t kMaxConfig = 256;
struct ConfigHeader {
  uint32_t offset;
  uint32_t size;
  uint32_t flags;
};

struct Message {
  Request request{};
  uint32_t flags = 0;
  std::vector<std::byte> payload;
  std::vector<UniqueFd> fds;
};

// The payload (from `offset` on) as a structure; InvalidArgument when it is shorter.
template <typename T>
absl::StatusOr<T> Parse(std::span<const std::byte> payload, size_t offset = 0) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (payload.size() < sizeof(T) || payload.size() - sizeof(T) < offset) {
    return absl::InvalidArgumentError("vhost-user message is too short");
  }
  T value;
  std::memcpy(&value, payload.data() + offset, sizeof(T));
  return value;
}

template <typename T>
std::vector<std::byte> ToBytes(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<std::byte> bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

// Puts messages together from a socket without blocking. One thread.
class MessageReader {
 public:
  static constexpr size_t kMaxPayload = 4096;
  static constexpr size_t kMaxFds = 8;

  explicit MessageReader(int socket) : socket_(socket) {}

  // The next whole message; nullopt when more bytes must come first. Cancelled at the end of the stream, any
  // other error means that the peer does not speak the protocol.
  absl::StatusOr<std::optional<Message>> Next();

 private:
  struct Header {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
  };
  static_assert(sizeof(Header) == 12);

  // Reads until `target` bytes are there; false when the socket has no more now.
  absl::StatusOr<bool> Fill(size_t target);

  const int socket_;
  std::array<std::byte, sizeof(Header) + kMaxPayload> buffer_;
  size_t have_ = 0;
  std::vector<UniqueFd> fds_;
};

// Sends the answer to `request`; never blocks for long, since the peer waits for it.
absl::Status SendReply(int socket, Request request, std::span<const std::byte> payload);

}  // namespace cc::vmm::vhost_user

#endif  // CC_VMM_VHOST_USER_MESSAGE_H_
