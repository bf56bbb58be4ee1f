// SPDX-License-Identifier: Apache-2.0
// For tests: a ttrpc server and a client of it, over a socket pair.
#ifndef CC_DATAHUB_TEST_CONNECTION_H_
#define CC_DATAHUB_TEST_CONNECTION_H_

#include <memory>
#include <thread>
#include <utility>

#include "base/socket.h"
#include "ttrpc/client.h"
#include "ttrpc/server.h"

namespace cc::datahub {

// Services are registered on `server` before Connect.
class TestConnection {
 public:
  ~TestConnection() {
    client_.reset();
    server.Shutdown();
    if (thread_.joinable()) thread_.join();
  }
  ttrpc::Client& Connect() {
    auto pair = SocketPair().value();
    thread_ =
        std::thread([this, fd = std::move(pair.first)]() mutable { server.ServeConnection(std::move(fd)); });
    client_ = std::make_unique<ttrpc::Client>(std::move(pair.second));
    return *client_;
  }

  ttrpc::Server server;

 private:
  std::thread thread_;
  std::unique_ptr<ttrpc::Client> client_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_TEST_CONNECTION_H_
