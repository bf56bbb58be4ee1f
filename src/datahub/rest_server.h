// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 for the containers of this guest: one request for each connection, small, within a time limit.
#ifndef CC_DATAHUB_REST_SERVER_H_
#define CC_DATAHUB_REST_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "datahub/rest_api.h"

namespace cc::datahub {

inline constexpr char kRestAddress[] = "127.0.0.1:8006";
inline constexpr size_t kMaxRestConnections = 32;  // further ones are closed
inline constexpr size_t kMaxRestHeaders = 64 << 10;
inline constexpr size_t kMaxRestBody = 64 << 10;

class RestServer {
 public:
  using Handler = std::function<RestResponse(const RestRequest&)>;

  // Serves peers on the loopback network only. `handler` is called by several threads at a time, until the
  // destructor has returned.
  static absl::StatusOr<std::unique_ptr<RestServer>> Start(UniqueFd listener, Handler handler);
  ~RestServer();

 private:
  struct State;
  RestServer(UniqueFd listener, std::shared_ptr<State> state);
  void AcceptAll() const;

  const UniqueFd listener_;
  const std::shared_ptr<State> state_;
  Thread acceptor_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_REST_SERVER_H_
