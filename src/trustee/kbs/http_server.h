// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over TCP or TLS: a thread for each connection, and limits on everything a client decides.
#ifndef CC_TRUSTEE_KBS_HTTP_SERVER_H_
#define CC_TRUSTEE_KBS_HTTP_SERVER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "trustee/kbs/connection.h"
#include "trustee/kbs/http.h"
#include "trustee/kbs/rate_limit.h"

namespace cc::trustee {

struct HttpLimits {
  size_t body = 2 << 20;       // bytes; more is 413
  size_t headers = 192 << 10;  // bytes; more is 431. Tokens with many claims are long
  // At a time, and of them from one address. Further ones take the place of those that wait between requests:
  // the guests of a node share its address, and each keeps its connection for a while.
  unsigned connections = 512;
  unsigned per_address = 64;
  unsigned requests_per_second = 2000;           // from one address; more is 429; 0 is no limit
  std::chrono::milliseconds header_time{10000};  // for the whole of the headers, waiting included
  std::chrono::milliseconds body_time{30000};
  std::chrono::milliseconds write_time{30000};
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // Serves `listener` (a listening TCP socket) until Stop. `handler` is called by many threads at a time.
  // Ignores SIGPIPE in the whole process, because OpenSSL writes without MSG_NOSIGNAL.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(UniqueFd listener, std::shared_ptr<TlsServer> tls,
                                                           HttpLimits limits, Handler handler);
  ~HttpServer() { Stop(); }

  // Takes no more connections, ends those that are open and waits for requests in work. Idempotent; not from
  // a handler.
  void Stop();

 private:
  struct Worker {
    UniqueFd fd;
    std::string peer;
    Thread thread;
    std::atomic<bool> idle = false;  // its last request is answered, and no other has begun
    bool done = false;
  };

  HttpServer(UniqueFd listener, std::shared_ptr<TlsServer> tls, HttpLimits limits, Handler handler)
      : listener_(std::move(listener)),
        tls_(std::move(tls)),
        limits_(limits),
        handler_(std::move(handler)),
        rate_(limits.requests_per_second) {}
  void AcceptAll();
  void Admit(UniqueFd fd);
  // Whether there is a place for a client, or one could be made. With `mutex_` held.
  bool MakeRoom(const std::string& peer);
  void Serve(Connection& connection, Worker& worker);
  // True when the connection may carry another request.
  bool ServeOne(Connection& connection, Worker& worker, void* buffer);

  const UniqueFd listener_;
  const std::shared_ptr<TlsServer> tls_;
  const HttpLimits limits_;
  const Handler handler_;
  RateLimit rate_;
  Thread acceptor_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards workers_ and per_address_
  std::list<Worker> workers_;
  std::map<std::string, unsigned> per_address_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_HTTP_SERVER_H_
