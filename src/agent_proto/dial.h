// SPDX-License-Identifier: Apache-2.0
// The host's way to a vsock port of a guest through a unix socket ("hybrid vsock", as Firecracker,
// Cloud Hypervisor and our own device speak it): "CONNECT <port>\n", answered by a line that holds "OK".
#ifndef CC_AGENT_PROTO_DIAL_H_
#define CC_AGENT_PROTO_DIAL_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::agent_proto {

// Connects to `socket_path` and asks for `port`. Unavailable when nobody listens there yet, be it on the
// socket or in the guest; the caller may try again. Does not retry.
absl::StatusOr<UniqueFd> DialHybrid(const std::string& socket_path, uint32_t port,
                                    std::chrono::milliseconds timeout);

// The same handshake on a connected stream. Reads not one byte behind the answer's newline. A line without
// OK or longer than 64 bytes is InvalidArgument, no line within `timeout` DeadlineExceeded.
absl::Status HybridHandshake(int fd, uint32_t port, std::chrono::milliseconds timeout);

}  // namespace cc::agent_proto

#endif  // CC_AGENT_PROTO_DIAL_H_
