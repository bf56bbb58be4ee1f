// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/frame.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"

namespace cc::ttrpc {
namespace {

constexpr size_t kFirstBodyStep = 64 << 10;

char Byte(uint32_t value, int shift) { return static_cast<char>(static_cast<uint8_t>(value >> shift)); }

uint32_t BigEndian(const char* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// Milliseconds for poll(2), rounded up so that the deadline is past when the wait runs out.
int PollTimeout(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

// OK when the socket takes bytes again or is broken (the next send tells which).
absl::Status WaitWritable(int fd, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
    const int n = ::poll(&entry, 1, PollTimeout(deadline));
    if (n > 0) return absl::OkStatus();
    if (n < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError("send ttrpc frame: the peer did not take it in time");
    }
  }
}

// Removes the first `size` bytes of the parts.
void Advance(std::array<std::string_view, 3>& parts, size_t size) {
  for (std::string_view& part : parts) {
    const size_t taken = std::min(size, part.size());
    part.remove_prefix(taken);
    size -= taken;
  }
}

// Sends the parts one after the other; leaves in them what was not sent.
absl::Status SendParts(int fd, std::array<std::string_view, 3>& parts, FrameWriter::Deadline deadline) {
  while (true) {
    std::array<iovec, 3> vectors;
    size_t count = 0;
    for (std::string_view part : parts) {
      // SAFETY: sendmsg only reads through iov_base.
      if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
    }
    if (count == 0) return absl::OkStatus();
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL | (deadline ? MSG_DONTWAIT : 0));
    if (n >= 0) {
      Advance(parts, static_cast<size_t>(n));
    } else if (deadline && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      CC_RETURN_IF_ERROR(WaitWritable(fd, *deadline));
    } else if (errno != EINTR) {
      return absl::UnavailableError(StrCat("send ttrpc frame: ", std::strerror(errno)));
    }
  }
}

}  // namespace

std::array<char, kHeaderSize> EncodeHeader(const FrameHeader& header) {
  return {Byte(header.length, 24), Byte(header.length, 16), Byte(header.length, 8), Byte(header.length, 0),
          Byte(header.stream, 24), Byte(header.stream, 16), Byte(header.stream, 8), Byte(header.stream, 0),
          Byte(header.type, 0),    Byte(header.flags, 0)};
}

FrameHeader DecodeHeader(const std::array<char, kHeaderSize>& bytes) {
  return {.length = BigEndian(bytes.data()),
          .stream = BigEndian(bytes.data() + 4),
          .type = static_cast<uint8_t>(bytes[8]),
          .flags = static_cast<uint8_t>(bytes[9])};
}

absl::Status FrameReader::Fill(bool at_frame_start) {
  while (true) {
    const ssize_t n = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (n > 0) {
      begin_ = 0;
      end_ = static_cast<size_t>(n);
      return absl::OkStatus();
    }
    if (n == 0) {
      if (at_frame_start) return absl::OutOfRangeError("the peer closed the connection");
      return absl::DataLossError("the connection ended inside a ttrpc frame");
    }
    if (errno != EINTR) return absl::UnavailableError(StrCat("receive: ", std::strerror(errno)));
  }
}

absl::Status FrameReader::Read(char* data, size_t size, bool at_frame_start) {
  while (size > 0) {
    if (begin_ == end_) CC_RETURN_IF_ERROR(Fill(at_frame_start));
    const size_t taken = std::min(size, end_ - begin_);
    std::memcpy(data, buffer_.data() + begin_, taken);
    begin_ += taken;
    data += taken;
    size -= taken;
    at_frame_start = false;
  }
  return absl::OkStatus();
}

absl::StatusOr<FrameHeader> FrameReader::ReadHeader() {
  std::array<char, kHeaderSize> bytes;
  CC_RETURN_IF_ERROR(Read(bytes.data(), bytes.size(), /*at_frame_start=*/true));
  return DecodeHeader(bytes);
}

absl::StatusOr<std::string> FrameReader::ReadBody(uint32_t length) {
  std::string body;
  size_t step = std::min<size_t>(length, kFirstBodyStep);
  while (body.size() < length) {
    const size_t have = body.size();
    step = std::min<size_t>(std::max(step, have), length - have);
    body.resize(have + step);
    CC_RETURN_IF_ERROR(Read(body.data() + have, step, /*at_frame_start=*/false));
  }
  return body;
}

absl::Status FrameReader::SkipBody(uint32_t length) {
  while (length > 0) {
    if (begin_ == end_) CC_RETURN_IF_ERROR(Fill(/*at_frame_start=*/false));
    const size_t taken = std::min<size_t>(length, end_ - begin_);
    begin_ += taken;
    length -= static_cast<uint32_t>(taken);
  }
  return absl::OkStatus();
}

absl::Status FrameWriter::Write(FrameHeader header, std::string_view body, Deadline deadline) {
  if (body.size() > kMaxBody) {
    return absl::ResourceExhaustedError(
        StrCat("send ttrpc frame: ", body.size(), " bytes are above the limit of ", kMaxBody));
  }
  header.length = static_cast<uint32_t>(body.size());
  const std::array<char, kHeaderSize> bytes = EncodeHeader(header);
  std::array<std::string_view, 3> parts = {rest_, std::string_view(bytes.data(), bytes.size()), body};
  absl::Status status = SendParts(fd_, parts, deadline);
  const bool begun = parts[1].size() < bytes.size();
  std::string rest(parts[0]);
  if (begun) rest.append(parts[1]).append(parts[2]);
  rest_ = std::move(rest);
  return status;
}

}  // namespace cc::ttrpc
