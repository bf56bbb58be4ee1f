// SPDX-License-Identifier: Apache-2.0
// Serves gRPC on a unix socket that only we and root can use: mode 0600, in a directory of mode 0700 that we
// own, and each peer's credentials are checked when it connects.
#ifndef CC_SNAPSHOTTER_SERVER_H_
#define CC_SNAPSHOTTER_SERVER_H_

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"

namespace cc::snapshotter {

class Server {
 public:
  // Makes the socket anew, and its directory when absent. FailedPrecondition when the directory is open to
  // others. `service` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& socket_path,
                                                       grpc::Service& service);
  ~Server();

  // Takes no new connection, lets running calls end for up to two seconds, removes the socket. Idempotent.
  void Stop();

 private:
  Server(std::string path, UniqueFd listener, std::unique_ptr<grpc::Server> server)
      : path_(std::move(path)), listener_(std::move(listener)), server_(std::move(server)) {}
  void AcceptLoop();

  const std::string path_;
  UniqueFd listener_;
  std::unique_ptr<grpc::Server> server_;
  Thread thread_;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_SERVER_H_
