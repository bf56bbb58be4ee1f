// SPDX-License-Identifier: Apache-2.0
// ttrpc server (https://github.com/containerd/ttrpc/blob/main/PROTOCOL.md), unary calls over any stream
// socket.
//
//   ttrpc::Server server;
//   server.Handle<StateRequest, StateResponse>(
//       "containerd.task.v2.Task", "State",
//       [&](const ttrpc::CallContext& call, const StateRequest& in, StateResponse& out) { return ...; });
//   server.Serve(listener_fd);        // blocks until Shutdown
//
// Each call runs on its own thread of a pool that grows with the calls in flight (calls such as Wait block
// for hours) and shrinks when idle. Calls start in the order in which their frames came, answers go out in
// the order in which calls end. Handlers must be thread-safe and fit a stack of 256 KiB. All Handle calls
// come before the first Serve. A frame above 4 MiB, an unknown service or method, a payload that does not
// parse or a call above the limits per connection is answered with an error and reaches no handler. An
// exception of a handler is answered with Internal. What a handler returns after its deadline is replaced by
// DeadlineExceeded.
#ifndef CC_TTRPC_SERVER_H_
#define CC_TTRPC_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"

namespace cc::ttrpc {

// What a handler may know of its call.
class CallContext {
 public:
  virtual ~CallContext() = default;
  // When the caller stops waiting; nullopt = never.
  virtual std::optional<std::chrono::steady_clock::time_point> deadline() const = 0;
  virtual const std::vector<std::pair<std::string, std::string>>& metadata() const = 0;
  // True once the connection is gone or the deadline has passed.
  virtual bool cancelled() const = 0;
  // Runs `callback` once when the call is cancelled, from another thread (at once and in this thread if it
  // already is); it must not block. It must own what it touches, since it may run while the handler
  // returns; after that it is dropped. See CancelScope for one that refers to the handler's stack. A
  // blocking handler uses it to wake itself.
  virtual void OnCancel(std::function<void()> callback) const = 0;
};

class Server {
 public:
  Server();
  ~Server();  // Shutdown
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  template <typename Request, typename Response, typename Handler>
  void Handle(std::string_view service, std::string_view method, Handler handler) {
    Add(service, method, Request().GetTypeName(),
        [handler = std::move(handler)](const CallContext& call, std::string_view in,
                                       std::string& out) -> absl::Status {
          Request request;
          if (!request.ParseFromArray(in.data(), static_cast<int>(in.size()))) {
            return absl::InvalidArgumentError("request does not parse as its message type");
          }
          Response response;
          absl::Status status = handler(call, request, response);
          if (status.ok()) response.SerializeToString(&out);
          return status;
        });
  }

  using RawHandler =
      std::function<absl::Status(const CallContext&, std::string_view payload, std::string& response)>;
  void HandleRaw(std::string_view service, std::string_view method, RawHandler handler) {
    Add(service, method, {}, std::move(handler));
  }

  // Called before each handler; a non-OK status is the answer and the handler does not run.
  struct Invocation {
    std::string_view service, method;
    std::string_view request_type;  // full name of the request's message; empty for a raw handler
    std::string_view payload;       // not parsed yet
  };
  using Interceptor = std::function<absl::Status(const Invocation& invocation)>;
  void SetInterceptor(Interceptor interceptor);

  // Accepts connections until Shutdown. The listener is not owned and is made non-blocking.
  absl::Status Serve(int listener);
  // Serves one connected socket until its peer ends it or Shutdown.
  void ServeConnection(UniqueFd connection);

  // Ends Serve, cancels the calls in flight, lets their answers go out (for two seconds at most), closes the
  // connections and waits for the handlers to return. From a handler it does not wait; the answer of that
  // handler still goes out, and the destructor waits. Idempotent, from any thread.
  void Shutdown();

 private:
  void Add(std::string_view service, std::string_view method, std::string request_type, RawHandler handler);

  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_SERVER_H_
