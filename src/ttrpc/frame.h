// SPDX-License-Identifier: Apache-2.0
// Frames of ttrpc: a 10-byte header (body length, stream id, type, flags; big-endian) and a body.
// https://github.com/containerd/ttrpc/blob/main/PROTOCOL.md
#ifndef CC_TTRPC_FRAME_H_
#define CC_TTRPC_FRAME_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::ttrpc {

inline constexpr size_t kHeaderSize = 10;
inline constexpr uint32_t kMaxBody = 4 << 20;

// Types and flags stay plain bytes: newer peers may send values that we do not know.
inline constexpr uint8_t kTypeRequest = 1;
inline constexpr uint8_t kTypeResponse = 2;
inline constexpr uint8_t kTypeData = 3;
inline constexpr uint8_t kFlagRemoteClosed = 0x1;
inline constexpr uint8_t kFlagRemoteOpen = 0x2;
inline constexpr uint8_t kFlagNoData = 0x4;

struct FrameHeader {
  uint32_t length = 0;  // of the body, in bytes
  uint32_t stream = 0;
  uint8_t type = 0;
  uint8_t flags = 0;

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

std::array<char, kHeaderSize> EncodeHeader(const FrameHeader& header);
FrameHeader DecodeHeader(const std::array<char, kHeaderSize>& bytes);

// Reads frames from a socket that it does not own. One thread. Any error is final, since the place of the
// next header is lost: OutOfRange for an end between frames, DataLoss for one inside a frame.
class FrameReader {
 public:
  explicit FrameReader(int fd) : fd_(fd) {}

  // Each header is followed by one ReadBody or SkipBody.
  absl::StatusOr<FrameHeader> ReadHeader();
  // `length` is at most kMaxBody. Memory grows with the bytes that have come, not with the length claimed.
  absl::StatusOr<std::string> ReadBody(uint32_t length);
  // Any length; nothing is kept.
  absl::Status SkipBody(uint32_t length);

 private:
  absl::Status Read(char* data, size_t size, bool at_frame_start);
  absl::Status Fill(bool at_frame_start);

  int fd_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::array<char, 4096> buffer_;
};

// Writes frames to a socket that it does not own. Callers serialize.
class FrameWriter {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  explicit FrameWriter(int fd) : fd_(fd) {}

  // The header's length is set from `body`. DeadlineExceeded when the peer does not take all of it in time:
  // the rest of a frame that was begun is kept and goes out before the next one, so the stream of frames
  // stays whole. Unavailable when the peer is gone.
  absl::Status Write(FrameHeader header, std::string_view body, Deadline deadline = std::nullopt);

 private:
  int fd_;
  std::string rest_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_FRAME_H_
