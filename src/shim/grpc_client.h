// SPDX-License-Identifier: Apache-2.0
// One unary gRPC call over a unix socket: just enough HTTP/2 to ask containerd a question. The gRPC library
// would cost the shim ten megabytes of memory for it.
#ifndef CC_SHIM_GRPC_CLIENT_H_
#define CC_SHIM_GRPC_CLIENT_H_

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::shim {

// `path` is "/package.Service/Method", `message` the serialized request; returns the serialized answer.
// Connects, calls, disconnects. Errors: the server's grpc-status and message; Unavailable when the connection
// fails, DeadlineExceeded after `timeout`, ResourceExhausted for an answer above 4 MiB.
absl::StatusOr<std::string> GrpcUnaryCall(const std::string& socket_path, const std::string& path,
                                          std::string_view message,
                                          const std::vector<std::pair<std::string, std::string>>& metadata,
                                          std::chrono::milliseconds timeout);

}  // namespace cc::shim

#endif  // CC_SHIM_GRPC_CLIENT_H_
