// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/http.h"

#include <curl/curl.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "jose/openssl.h"

namespace cc::attest {
namespace {

// Connections kept between requests.
constexpr size_t kMaxIdle = 4;
constexpr size_t kMaxHeaders = 64 << 10;

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using CurlPtr = std::unique_ptr<CURL, CurlDeleter>;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using ListPtr = std::unique_ptr<curl_slist, ListDeleter>;

// What libcurl's callbacks write to.
struct Exchange {
  HttpResponse response;
  size_t max_body = 0;
  size_t header_bytes = 0;
  bool too_long = false;
};

size_t OnBody(char* data, size_t, size_t size, void* context) {
  Exchange& exchange = *static_cast<Exchange*>(context);
  if (size > exchange.max_body - exchange.response.body.size()) {
    exchange.too_long = true;
    return 0;
  }
  exchange.response.body.append(data, size);
  return size;
}

size_t OnHeader(char* data, size_t, size_t size, void* context) {
  Exchange& exchange = *static_cast<Exchange*>(context);
  exchange.header_bytes += size;
  if (exchange.header_bytes > kMaxHeaders) {
    exchange.too_long = true;
    return 0;
  }
  const SplitPair header = SplitOnce(std::string_view(data, size), ':');
  if (header.found && ToLower(header.first) == "set-cookie") {
    exchange.response.set_cookies.emplace_back(StrTrim(header.second));
  }
  return size;
}

absl::Status CurlStatus(CURLcode code, const std::string& what, const char* detail) {
  const std::string message = StrCat(what, ": ", *detail != '\0' ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(message);
    case CURLE_PEER_FAILED_VERIFICATION:
      return absl::FailedPreconditionError(
          StrCat(message, "; the server's certificate must be issued by the configured root (kbs_cert)"));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(message);
    case CURLE_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(HttpOptions options) : options_(std::move(options)) {}

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    CurlPtr handle = Take();
    if (handle == nullptr) return absl::ResourceExhaustedError("HTTP request: libcurl gives no handle");
    absl::StatusOr<HttpResponse> response = Perform(handle.get(), request);
    // A connection whose request failed is in an unknown state.
    if (response.ok()) Return(std::move(handle));
    return response;
  }

 private:
  absl::StatusOr<HttpResponse> Perform(CURL* curl, const HttpRequest& request) const {
    Exchange exchange{.max_body = options_.max_body};
    std::array<char, CURL_ERROR_SIZE> detail{};
    // No "Expect: 100-continue": it costs a round trip.
    ListPtr headers(curl_slist_append(nullptr, "Expect:"));
    for (const std::string& header : request.headers) {
      headers.reset(curl_slist_append(headers.release(), header.c_str()));
    }
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);  // what a path means is the service's affair
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    const std::string egress = options_.egress_socket ? options_.egress_socket() : std::string();
    const std::string proxy = egress.empty() ? options_.proxy : StrCat("socks5h://localhost", egress);
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy.c_str());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "kata-cc/" CC_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
    if (!options_.roots_pem.empty()) {
      curl_blob blob{.data = const_cast<char*>(options_.roots_pem.data()),
                     .len = options_.roots_pem.size(),
                     .flags = CURL_BLOB_NOCOPY};
      curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
      curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    if (request.method == "POST") {
      curl_easy_setopt(curl, CURLOPT_POST, 1L);
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    } else {
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    const CURLcode code = curl_easy_perform(curl);
    // The handle outlives the objects it was given.
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    const std::string what = StrCat(request.method, " ", request.url);
    if (exchange.too_long) {
      return absl::ResourceExhaustedError(
          StrCat(what, ": the answer is longer than ", options_.max_body, " bytes"));
    }
    if (code != CURLE_OK) return CurlStatus(code, what, detail.data());
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange.response.status);
    return std::move(exchange.response);
  }

  CurlPtr Take() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return CurlPtr(curl_easy_init());
    CurlPtr handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }
  void Return(CurlPtr handle) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(handle));
  }

  const HttpOptions options_;
  std::mutex mutex_;
  std::vector<CurlPtr> idle_;
};

absl::Status CheckCertificates(const std::string& pem) {
  const jose::BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const jose::X509Ptr first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (first != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("trusted roots of the KBS: ", MessageOf(jose::OpensslError("no certificate in PEM form"))));
}

}  // namespace

absl::StatusOr<std::string> CheckServiceUrl(std::string url, std::string_view service) {
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(StrCat("URL of the ", service, " '", url, "': ", why));
  };
  const size_t scheme = url.find("://");
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return bad("must begin with http:// or https://");
  if (url.size() > 2048 || url.size() == scheme + 3) return bad("no host");
  if (std::any_of(url.begin(), url.end(),
                  [](char c) { return c <= ' ' || c > '~' || c == '?' || c == '#'; })) {
    return bad("has a query, a fragment, or a character that no URL has");
  }
  const std::string_view host =
      std::string_view(url).substr(scheme + 3, url.find('/', scheme + 3) - scheme - 3);
  // The URL is in every message.
  if (host.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        StrCat("URL of the ", service, " at ", host.substr(host.rfind('@') + 1),
               ": has a user name or password before the host, which is not supported; take it out"));
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Create(HttpOptions options) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) return absl::InternalError(StrCat("libcurl: ", curl_easy_strerror(ready)));
  if (!options.roots_pem.empty()) CC_RETURN_IF_ERROR(CheckCertificates(options.roots_pem));
  return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace cc::attest
