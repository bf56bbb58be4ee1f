// SPDX-License-Identifier: Apache-2.0
// Stream sockets as descriptors: unix paths and AF_VSOCK. All are close-on-exec and blocking.
#ifndef CC_BASE_SOCKET_H_
#define CC_BASE_SOCKET_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc {

// Listens on a path socket of the given mode. A stale socket file at `path` is replaced. A path too long
// for sockaddr_un (107 bytes) is InvalidArgument and says so.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, unsigned mode = 0600);
absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path);

// Listens on a vsock port for any CID / connects to one.
absl::StatusOr<UniqueFd> ListenVsock(uint32_t port);
absl::StatusOr<UniqueFd> ConnectVsock(uint32_t cid, uint32_t port);

// accept4 with close-on-exec; Cancelled when the listener was shut down.
absl::StatusOr<UniqueFd> Accept(int listener);

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> SocketPair();

// Sends all of it without raising SIGPIPE; Unavailable when the peer is gone.
absl::Status SendFull(int fd, std::string_view data);

// Copies both directions until each side has ended (half-closes are passed on) or one fails. Blocks.
void Relay(int a, int b);

// Waits until `fd` is readable. DeadlineExceeded when `timeout` passes first.
absl::Status WaitReadable(int fd, std::chrono::milliseconds timeout);

}  // namespace cc

#endif  // CC_BASE_SOCKET_H_
