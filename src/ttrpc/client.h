// SPDX-License-Identifier: Apache-2.0
// ttrpc client: many calls at once over one connected stream socket. Thread-safe.
//
//   ttrpc::Client client(std::move(fd));
//   CheckRequest in;
//   absl::StatusOr<HealthCheckResponse> out =
//       client.Call<HealthCheckResponse>("grpc.Health", "Check", in, {.timeout = std::chrono::seconds(5)});
//
// Errors: the server's code and message; DeadlineExceeded when the time is up (a late answer is dropped);
// Unavailable when the connection ends; ResourceExhausted for a request above 4 MiB.
#ifndef CC_TTRPC_CLIENT_H_
#define CC_TTRPC_CLIENT_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::ttrpc {

struct CallOptions {
  std::optional<std::chrono::nanoseconds> timeout;  // nullopt = none
  std::vector<std::pair<std::string, std::string>> metadata;
};

class Client {
 public:
  explicit Client(UniqueFd connection);
  ~Client();  // Close
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(std::string_view service, std::string_view method, const Request& request,
                                const CallOptions& options = {}) {
    absl::StatusOr<std::string> payload = CallRaw(service, method, request.SerializeAsString(), options);
    if (!payload.ok()) return payload.status();
    Response response;
    if (!response.ParseFromString(*payload)) {
      return absl::InternalError("answer does not parse as its message type");
    }
    return response;
  }

  absl::StatusOr<std::string> CallRaw(std::string_view service, std::string_view method,
                                      std::string_view payload, const CallOptions& options);

  // Fails all calls in flight and further ones with Unavailable. Idempotent; safe from any thread.
  void Close();
  // Runs once, from the reader thread, when the connection has ended for whatever reason; at once and in
  // this thread if it already has. The callback may destroy the client.
  void OnClose(std::function<void()> callback);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_CLIENT_H_
