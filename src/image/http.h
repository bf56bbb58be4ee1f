// SPDX-License-Identifier: Apache-2.0
// HTTP over libcurl, with the rules of a registry client:
// - TLS against the system's roots plus extra ones; plain HTTP only to hosts that are listed for it;
// - redirects are followed here, and the Authorization header never goes to another origin;
// - a transfer has no overall deadline, but one without progress for `stall_timeout` ends with an error;
// - environment variables (http_proxy …) have no say.
//
// Thread-safe: each call takes an idle connection handle or makes one. The process must ignore SIGPIPE,
// because OpenSSL writes to sockets without MSG_NOSIGNAL.
#ifndef CC_IMAGE_HTTP_H_
#define CC_IMAGE_HTTP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::image {

struct HttpOptions {
  std::set<std::string> plain_http_hosts;  // exact "host" or "host:port", lower case
  std::string extra_roots_pem;             // certificates, concatenated PEM
  std::string https_proxy, http_proxy, no_proxy;
  // Asked before each request. Unless empty it is the path of a unix socket that speaks SOCKS5 and resolves
  // names at its far end: it carries the connection (the proxies are not used); TLS stays end to end.
  std::function<std::string()> egress_socket;
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(15);
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(30);
  std::string user_agent = "kata-cc/" CC_VERSION;
  // What a person sets to allow plain HTTP and further roots, for error messages.
  std::string plain_http_setting =
      "insecure_plain_http (kernel command line: cc.insecure_plain_http=host:port)";
  std::string roots_setting = "extra_root_certificates";
};

// Fills `out` with bytes of a request's body from `offset` on and returns how many; may be asked for any part
// again, when a connection breaks. An error ends the call and is what it returns.
using BodySource = std::function<absl::StatusOr<size_t>(uint64_t offset, std::span<char> out)>;

struct HttpRequest {
  std::string url;
  std::string accept;
  std::string authorization;  // value of the header; sent to the URL's own origin only
  uint64_t range_from = 0;    // > 0: "Range: bytes=<n>-"
  // For Send: HEAD, POST or PUT, the last two with a body.
  std::string method = "GET";
  std::string content_type = {};
  BodySource body = {};
  uint64_t body_size = 0;
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; of a repeated header, the last
  std::vector<std::string> challenges;         // every WWW-Authenticate
  std::string url;                             // the one that answered
  std::string error_body;                      // of an answer that is no 2xx, at most 16 KiB

  std::string Header(std::string_view name) const;
};

// Called with the body of a 2xx answer in pieces; `response` has status and headers. An error ends the call
// and is what it returns.
using BodySink = std::function<absl::Status(const HttpResponse& response, std::string_view data)>;

class HttpClient {
 public:
  static absl::StatusOr<std::shared_ptr<HttpClient>> Create(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Follows redirects. Any HTTP status is an answer, not an error. Errors: Unavailable (no connection,
  // connection lost), DeadlineExceeded (stall), FailedPrecondition (TLS, a forbidden plain-HTTP URL),
  // Cancelled, or the sink's.
  absl::StatusOr<HttpResponse> Get(const HttpRequest& request, const BodySink& sink, std::stop_token stop);

  // One request of any method. Redirects are answers, and the body of a 2xx answer is dropped.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop);

  // "https://host" or, for a listed host, "http://host".
  std::string BaseUrl(std::string_view host) const;

 private:
  struct State;
  explicit HttpClient(std::unique_ptr<State> state);
  absl::StatusOr<HttpResponse> Perform(const HttpRequest& request, const BodySink& sink,
                                       const std::stop_token& stop);
  std::unique_ptr<State> state_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_HTTP_H_
