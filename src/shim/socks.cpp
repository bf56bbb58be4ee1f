// SPDX-License-Identifier: Apache-2.0
#include "shim/socks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint8_t kVersion = 5;
constexpr uint8_t kNoAuthentication = 0;
constexpr uint8_t kNoAcceptableMethod = 0xff;
constexpr uint8_t kConnect = 1;

// Reads exactly what the protocol says comes next, never more.
class Reader {
 public:
  Reader(int fd, Clock::time_point deadline) : fd_(fd), deadline_(deadline) {}

  absl::Status Read(std::span<char> buffer) {
    while (!buffer.empty()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
      CC_RETURN_IF_ERROR(WaitReadable(fd_, std::max(left, std::chrono::milliseconds(0))));
      CC_ASSIGN_OR_RETURN(const size_t n, ReadSome(fd_, buffer));
      if (n == 0) return absl::OutOfRangeError("the guest closed the connection during the SOCKS handshake");
      buffer = buffer.subspan(n);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<uint8_t> Byte() {
    std::array<char, 1> byte{};
    CC_RETURN_IF_ERROR(Read(byte));
    return static_cast<uint8_t>(byte[0]);
  }
  absl::StatusOr<std::string> Bytes(size_t count) {
    std::string bytes(count, '\0');
    CC_RETURN_IF_ERROR(Read(bytes));
    return bytes;
  }

 private:
  int fd_;
  Clock::time_point deadline_;
};

absl::Status ReadGreeting(int fd, Reader& reader) {
  CC_ASSIGN_OR_RETURN(const uint8_t version, reader.Byte());
  if (version != kVersion) return absl::InvalidArgumentError(StrCat("SOCKS version ", version, " is not 5"));
  CC_ASSIGN_OR_RETURN(const uint8_t count, reader.Byte());
  CC_ASSIGN_OR_RETURN(const std::string methods, reader.Bytes(count));
  const bool acceptable = methods.find(static_cast<char>(kNoAuthentication)) != std::string::npos;
  const std::array<char, 2> answer{static_cast<char>(kVersion),
                                   static_cast<char>(acceptable ? kNoAuthentication : kNoAcceptableMethod)};
  CC_RETURN_IF_ERROR(SendFull(fd, {answer.data(), answer.size()}));
  if (!acceptable) return absl::InvalidArgumentError("the SOCKS client wants to authenticate");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAddress(int fd, Reader& reader) {
  constexpr uint8_t kV4 = 1, kName = 3, kV6 = 4;
  CC_ASSIGN_OR_RETURN(const uint8_t type, reader.Byte());
  if (type == kName) {
    CC_ASSIGN_OR_RETURN(const uint8_t length, reader.Byte());
    CC_ASSIGN_OR_RETURN(std::string name, reader.Bytes(length));
    // No NUL, space or control character may reach the resolver or the log.
    if (name.empty() || std::any_of(name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~'; })) {
      SendSocksReply(fd, SocksReply::kAddressNotSupported).IgnoreError();
      return absl::InvalidArgumentError("the SOCKS request holds no host name");
    }
    return name;
  }
  if (type == kV4 || type == kV6) {
    CC_ASSIGN_OR_RETURN(const std::string address, reader.Bytes(type == kV4 ? 4 : 16));
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(type == kV4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
    return std::string(text.data());
  }
  SendSocksReply(fd, SocksReply::kAddressNotSupported).IgnoreError();
  return absl::InvalidArgumentError(StrCat("SOCKS address type ", type, " is unknown"));
}

}  // namespace

absl::StatusOr<SocksTarget> ReadSocksRequest(int fd, std::chrono::milliseconds timeout) {
  Reader reader(fd, Clock::now() + timeout);
  CC_RETURN_IF_ERROR(ReadGreeting(fd, reader));
  CC_ASSIGN_OR_RETURN(const std::string head, reader.Bytes(3));
  if (static_cast<uint8_t>(head[0]) != kVersion)
    return absl::InvalidArgumentError("SOCKS request is not of version 5");
  if (static_cast<uint8_t>(head[1]) != kConnect) {
    SendSocksReply(fd, SocksReply::kCommandNotSupported).IgnoreError();
    return absl::InvalidArgumentError(
        StrCat("SOCKS command ", static_cast<uint8_t>(head[1]), " is not CONNECT"));
  }
  SocksTarget target;
  CC_ASSIGN_OR_RETURN(target.host, ReadAddress(fd, reader));
  CC_ASSIGN_OR_RETURN(const uint8_t high, reader.Byte());
  CC_ASSIGN_OR_RETURN(const uint8_t low, reader.Byte());
  target.port = static_cast<uint16_t>(high << 8 | low);
  return target;
}

absl::Status SendSocksReply(int fd, SocksReply reply) {
  // Bound address 0.0.0.0:0: the guest has no use for the host's.
  const std::array<char, 10> answer{static_cast<char>(kVersion), static_cast<char>(reply), 0, 1};
  return SendFull(fd, {answer.data(), answer.size()});
}

}  // namespace cc::shim
