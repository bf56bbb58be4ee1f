// SPDX-License-Identifier: Apache-2.0
// For tests: an HTTP/1.1 server on loopback whose handler writes whatever bytes it likes, or none. With TLS
// on request, under a certificate made on the spot.
#ifndef CC_IMAGE_TEST_HTTP_SERVER_H_
#define CC_IMAGE_TEST_HTTP_SERVER_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace cc::image::testing {

struct TestRequest {
  std::string method, target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // of a request with Content-Length
  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class TestHttpServer {
 public:
  class Connection {
   public:
    virtual ~Connection() = default;
    virtual void Send(std::string_view bytes) = 0;
    // A whole answer with Content-Length.
    void Reply(int status, std::string_view body = {},
               const std::map<std::string, std::string>& headers = {});
    // Ends the connection once the handler returns.
    void Close() { closed_ = true; }
    bool closed() const { return closed_; }
    // Blocks until the peer has gone away.
    virtual void WaitForPeerToClose() = 0;

   private:
    bool closed_ = false;
  };
  using Handler = std::function<void(const TestRequest&, Connection&)>;

  explicit TestHttpServer(Handler handler, bool tls = false);
  ~TestHttpServer();

  std::string Host() const;  // "127.0.0.1:<port>"
  // Of the certificate, when TLS is on; it is its own root.
  const std::string& certificate_pem() const { return certificate_pem_; }
  std::vector<TestRequest> Requests() const;
  size_t connections() const { return accepted_; }

 private:
  void AcceptLoop();
  void Serve(UniqueFd socket);

  const Handler handler_;
  UniqueFd listener_;
  std::shared_ptr<void> tls_;  // SSL_CTX
  std::string certificate_pem_;
  std::atomic<size_t> accepted_{0};
  mutable std::mutex mutex_;
  std::vector<TestRequest> requests_;
  std::vector<int> open_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_HTTP_SERVER_H_
