// SPDX-License-Identifier: Apache-2.0
// HTTP(S) requests over libcurl, with limits. Connections are kept and used again.
#ifndef CC_ATTEST_KBS_HTTP_H_
#define CC_ATTEST_KBS_HTTP_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::attest {

struct HttpOptions {
  // PEM certificates. When given they are the only roots trusted, so a certificate that a public authority
  // was talked into does not help; empty takes the system's roots.
  std::string roots_pem;
  std::string proxy;  // URL; empty is none. The environment is not asked.
  // Asked before each request. Unless empty it is the path of a unix socket that speaks SOCKS5 and resolves
  // names at its far end (the guest's way out when it has no network); `proxy` is not used then.
  std::function<std::string()> egress_socket;
  std::chrono::milliseconds timeout{60000};
  std::chrono::milliseconds connect_timeout{10000};
  size_t max_body = size_t{8} << 20;  // of an answer; longer is ResourceExhausted
};

// The URL of a service without its last slashes. InvalidArgument, naming `service`, unless it is
// http(s)://host[:port][/prefix].
absl::StatusOr<std::string> CheckServiceUrl(std::string url, std::string_view service);

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // sent when the method is POST
};

struct HttpResponse {
  long status = 0;
  std::string body;
  std::vector<std::string> set_cookies;  // values of the Set-Cookie headers
};

// Any thread may call; requests run in parallel.
class HttpClient {
 public:
  // InvalidArgument when `roots_pem` holds no certificate.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(HttpOptions options);
  virtual ~HttpClient() = default;

  // Any status code is an answer. Unavailable or DeadlineExceeded when there was none, FailedPrecondition
  // when the server's certificate is not trusted. Redirects are not followed.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request) = 0;

 protected:
  HttpClient() = default;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_KBS_HTTP_H_
