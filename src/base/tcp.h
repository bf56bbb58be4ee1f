// SPDX-License-Identifier: Apache-2.0
// TCP listeners on numeric addresses. Close-on-exec and blocking, as the sockets of socket.h.
#ifndef CC_BASE_TCP_H_
#define CC_BASE_TCP_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc {

// "127.0.0.1:8080", "[::1]:8080"; port 0 takes a free one. InvalidArgument for anything else.
absl::StatusOr<UniqueFd> ListenTcp(const std::string& address);

// "host:port" of this end, "host" of the other ("" when it is gone).
absl::StatusOr<std::string> LocalAddress(int fd);
std::string PeerHost(int fd);

}  // namespace cc

#endif  // CC_BASE_TCP_H_
