// SPDX-License-Identifier: Apache-2.0
#include "agent_proto/dial.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent_proto {
namespace {

constexpr size_t kMaxAnswer = 64;

}  // namespace

absl::Status HybridHandshake(int fd, uint32_t port, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + timeout;
  CC_RETURN_IF_ERROR(SendFull(fd, StrCat("CONNECT ", port, "\n")));
  std::string line;
  // Byte by byte: what follows the newline already belongs to the stream.
  while (line.size() < kMaxAnswer) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    CC_RETURN_IF_ERROR(Annotate(WaitReadable(fd, std::max(left, std::chrono::milliseconds(0))),
                                "waiting for the answer to CONNECT"));
    std::array<char, 1> byte{};
    absl::StatusOr<size_t> got = ReadSome(fd, byte);
    if (!got.ok() || *got == 0) {
      return absl::UnavailableError(StrCat("nothing listens on vsock port ", port, " of the guest yet"));
    }
    if (byte[0] == '\n') {
      if (line.find("OK") != std::string::npos) return absl::OkStatus();
      return absl::InvalidArgumentError(StrCat("CONNECT ", port, " was answered by a line without OK"));
    }
    line.push_back(byte[0]);
  }
  return absl::InvalidArgumentError(
      StrCat("answer to CONNECT ", port, " is longer than ", kMaxAnswer, " bytes"));
}

absl::StatusOr<UniqueFd> DialHybrid(const std::string& socket_path, uint32_t port,
                                    std::chrono::milliseconds timeout) {
  absl::StatusOr<UniqueFd> fd = ConnectUnix(socket_path);
  if (!fd.ok()) {
    return absl::UnavailableError(StrCat("dialling the guest: ", MessageOf(fd.status())));
  }
  CC_RETURN_IF_ERROR(HybridHandshake(fd->get(), port, timeout));
  return fd;
}

}  // namespace cc::agent_proto
