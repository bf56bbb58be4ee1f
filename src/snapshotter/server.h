// SPDX-License-Identifier: Apache-2.0
// Serves gRPC on a unix socket that only we and root can use: its directory is closed to others (Listener),
// and each peer's credentials are checked when it connects.
#ifndef CC_SNAPSHOTTER_SERVER_H_
#define CC_SNAPSHOTTER_SERVER_H_

#include <grpcpp/server.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/thread.h"
#include "snapshotter/listener.h"

namespace cc::snapshotter {

class Server {
 public:
  // `service` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Listener listener, grpc::Service& service);
  ~Server();

  // Takes no new connection, lets running calls end for up to two seconds, gives the listener up. Idempotent.
  // An inherited socket is left as it is: it is not shut down, so that what connects now waits for who is
  // next.
  void Stop();

 private:
  Server(Listener listener, std::unique_ptr<EventLoop> loop, std::unique_ptr<grpc::Server> server)
      : listener_(std::move(listener)), loop_(std::move(loop)), server_(std::move(server)) {}
  void AcceptOne();

  std::optional<Listener> listener_;  // until Stop
  const std::unique_ptr<EventLoop> loop_;
  const std::unique_ptr<grpc::Server> server_;
  Thread thread_;  // runs loop_
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_SERVER_H_
