// SPDX-License-Identifier: Apache-2.0
#include "image/http.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>

#include "base/status.h"
#include "base/strings.h"
#include "image/tls_roots.h"
#include "image/url.h"

namespace cc::image {
namespace {

constexpr int kMaxRedirects = 10;
constexpr size_t kMaxErrorBody = 16 << 10;
constexpr size_t kMaxHeaders = 200;

struct CleanupEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, CleanupEasy>;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// State of one transfer; its address is what the callbacks get.
struct Transfer {
  using Clock = std::chrono::steady_clock;

  const BodySink* sink = nullptr;
  const std::stop_token* stop = nullptr;
  const HttpOptions* options = nullptr;
  const HttpRequest* request = nullptr;
  TlsRoots* roots = nullptr;
  CURL* easy = nullptr;
  HttpResponse response;
  absl::Status error;  // ours; tells more than curl's code
  Clock::time_point last_progress = Clock::now();
  curl_off_t last_transferred = 0;  // both directions
  uint64_t sent = 0;                // offset in the request's body

  void ReadStatus() {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
  }
};

size_t OnHeader(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // of the final answer; interim ones (100, proxy's 200) came before
    transfer.response.headers.clear();
    transfer.response.challenges.clear();
    return line.size();
  }
  const SplitPair parts = SplitOnce(line, ':');
  if (!parts.found || transfer.response.headers.size() >= kMaxHeaders) return line.size();
  const std::string name = ToLower(StrTrim(parts.first));
  if (name == "www-authenticate" && transfer.response.challenges.size() < 16) {
    transfer.response.challenges.emplace_back(StrTrim(parts.second));
  }
  transfer.response.headers.insert_or_assign(name, std::string(StrTrim(parts.second)));
  return line.size();
}

size_t OnBody(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view piece(data, size * count);
  if (transfer.response.status == 0) transfer.ReadStatus();
  if (transfer.response.status >= 200 && transfer.response.status < 300) {
    transfer.error = (*transfer.sink)(transfer.response, piece);
    // The sink may have waited for a slower stage; that was not the server's stall.
    transfer.last_progress = Transfer::Clock::now();
    if (!transfer.error.ok()) return CURL_WRITEFUNC_ERROR;
    return piece.size();
  }
  std::string& body = transfer.response.error_body;
  body.append(piece.substr(0, kMaxErrorBody - std::min(kMaxErrorBody, body.size())));
  // An endless error page is not worth reading.
  return body.size() >= kMaxErrorBody ? CURL_WRITEFUNC_ERROR : piece.size();
}

size_t OnUpload(char* buffer, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const uint64_t left = transfer.request->body_size - transfer.sent;
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(left, size * count));
  if (wanted == 0) return 0;
  const absl::StatusOr<size_t> got = transfer.request->body(transfer.sent, {buffer, wanted});
  transfer.error = got.ok() && *got == 0 ? absl::DataLossError("the body ends early") : got.status();
  if (!transfer.error.ok()) return CURL_READFUNC_ABORT;
  transfer.sent += *got;
  return *got;
}

// A connection that was kept may turn out to be closed after the first bytes: curl then sends again.
int OnSeek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  static_cast<Transfer*>(self)->sent = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

// Called by curl at least once a second, busy or not.
int OnProgress(void* self, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.stop->stop_requested()) {
    transfer.error = absl::CancelledError("the transfer was cancelled");
    return 1;
  }
  const auto now = Transfer::Clock::now();
  if (received + sent != transfer.last_transferred) {
    transfer.last_transferred = received + sent;
    transfer.last_progress = now;
  } else if (now - transfer.last_progress > transfer.options->stall_timeout) {
    transfer.error = absl::DeadlineExceededError(StrCat("the server sent nothing for ",
                                                        transfer.options->stall_timeout.count(),
                                                        " ms (after ", received, " bytes)"));
    return 1;
  }
  return 0;
}

CURLcode OnTlsContext(CURL*, void* context, void* self) {
  static_cast<Transfer*>(self)->roots->Install(context);
  return CURLE_OK;
}

absl::Status FromCurl(CURLcode code, const char* detail, const HttpOptions& options) {
  const std::string text = *detail != '\0' ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return absl::FailedPreconditionError(StrCat("the server's certificate is not trusted: ", text,
                                                  " (for a private CA add its certificate to ",
                                                  options.roots_setting, ")"));
    case CURLE_SSL_CONNECT_ERROR:
      if (text.find("wrong version number") != std::string::npos) {
        return absl::FailedPreconditionError(
            StrCat("the server does not speak TLS; if it is meant to be reached by plain HTTP, name it in ",
                   options.plain_http_setting));
      }
      return absl::UnavailableError(text);
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(text);
    case CURLE_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError(text);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError(text);
    default:  // no such host, refused, reset, cut short
      return absl::UnavailableError(text);
  }
}

// The shim makes the connection in the guest's place and says how that went.
absl::Status FromEgress(CURL* handle, CURLcode code, const char* detail, const HttpOptions& options) {
  long reply = CURLPX_OK;
  if (code == CURLE_PROXY) curl_easy_getinfo(handle, CURLINFO_PROXY_ERROR, &reply);
  switch (reply) {
    case CURLPX_REPLY_CONNECTION_REFUSED:
      return absl::UnavailableError("connection refused, tried from the node");
    case CURLPX_REPLY_HOST_UNREACHABLE:
      return absl::UnavailableError("the node knows no such host");
    case CURLPX_REPLY_NOT_ALLOWED:
      return absl::PermissionDeniedError(
          "the node does not allow this host (image.egress_hosts in its config.toml)");
    default:
      return Annotate(FromCurl(code, detail, options), "through the node");
  }
}

}  // namespace

std::string HttpResponse::Header(std::string_view name) const {
  const auto found = headers.find(std::string(name));
  return found == headers.end() ? "" : found->second;
}

struct HttpClient::State {
  HttpOptions options;
  std::unique_ptr<TlsRoots> roots;
  std::mutex mutex;
  std::vector<Easy> idle;  // keep their connections

  absl::Status CheckScheme(const Url& url) const {
    if (url.scheme != "http" || options.plain_http_hosts.contains(url.HostPort())) return absl::OkStatus();
    if (url.port == "80" && options.plain_http_hosts.contains(url.host)) return absl::OkStatus();
    return absl::FailedPreconditionError(StrCat("plain HTTP to ", url.HostPort(),
                                                " is not allowed; exceptions are named in ",
                                                options.plain_http_setting));
  }
};

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClient::~HttpClient() = default;

absl::StatusOr<std::shared_ptr<HttpClient>> HttpClient::Create(HttpOptions options) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK) return absl::InternalError("libcurl does not initialise");
  auto state = std::make_unique<State>();
  CC_ASSIGN_OR_RETURN(state->roots, TlsRoots::Create(options.extra_roots_pem));
  state->options = std::move(options);
  return std::shared_ptr<HttpClient>(new HttpClient(std::move(state)));
}

std::string HttpClient::BaseUrl(std::string_view host) const {
  return StrCat(state_->options.plain_http_hosts.contains(std::string(host)) ? "http://" : "https://", host);
}

absl::StatusOr<HttpResponse> HttpClient::Get(const HttpRequest& request, const BodySink& sink,
                                             std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(Url origin, Url::Parse(request.url));
  Url url = origin;
  HttpRequest step = request;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    CC_RETURN_IF_ERROR(state_->CheckScheme(url));
    step.url = url.text;
    step.authorization = url.SameOrigin(origin) ? request.authorization : "";
    absl::StatusOr<HttpResponse> response = Perform(step, sink, stop);
    if (!response.ok()) return Annotate(response.status(), url.HostPort());
    const bool redirect = response->status == 301 || response->status == 302 || response->status == 303 ||
                          response->status == 307 || response->status == 308;
    if (!redirect) return response;
    const std::string location = response->Header("location");
    if (location.empty()) return absl::UnavailableError(StrCat(url.HostPort(), " redirects to nowhere"));
    CC_ASSIGN_OR_RETURN(url, url.Resolve(location));
  }
  return absl::UnavailableError(StrCat(origin.HostPort(), " redirects more than ", kMaxRedirects, " times"));
}

absl::StatusOr<HttpResponse> HttpClient::Send(const HttpRequest& request, std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const Url url, Url::Parse(request.url));
  CC_RETURN_IF_ERROR(state_->CheckScheme(url));
  HttpRequest normalised = request;
  normalised.url = url.text;
  const BodySink drop = [](const HttpResponse&, std::string_view) { return absl::OkStatus(); };
  absl::StatusOr<HttpResponse> response = Perform(normalised, drop, stop);
  if (!response.ok()) return Annotate(response.status(), url.HostPort());
  return response;
}

absl::StatusOr<HttpResponse> HttpClient::Perform(const HttpRequest& request, const BodySink& sink,
                                                 const std::stop_token& stop) {
  Easy easy;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->idle.empty()) {
      easy = std::move(state_->idle.back());
      state_->idle.pop_back();
    }
  }
  if (easy == nullptr) easy.reset(curl_easy_init());
  if (easy == nullptr) return absl::ResourceExhaustedError("libcurl: out of memory");
  CURL* const handle = easy.get();
  curl_easy_reset(handle);  // options only; connections stay

  const HttpOptions& options = state_->options;
  Transfer transfer;
  transfer.sink = &sink;
  transfer.stop = &stop;
  transfer.options = &options;
  transfer.request = &request;
  transfer.roots = state_->roots.get();
  transfer.easy = handle;
  char detail[CURL_ERROR_SIZE] = "";

  std::unique_ptr<curl_slist, FreeList> headers;
  const auto add_header = [&headers](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  if (!request.accept.empty()) add_header("Accept: " + request.accept);
  if (!request.authorization.empty()) add_header("Authorization: " + request.authorization);
  if (request.range_from > 0) add_header(StrCat("Range: bytes=", request.range_from, "-"));
  if (!request.content_type.empty()) add_header("Content-Type: " + request.content_type);
  if (request.method != "GET") add_header("Expect:");  // a round trip that gains nothing here

  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // Not curl's own loading, which parses the system's bundle for each connection.
  curl_easy_setopt(handle, CURLOPT_CAINFO, nullptr);
  curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, OnTlsContext);
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_DATA, &transfer);
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body_size));
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, OnUpload);
    curl_easy_setopt(handle, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, OnSeek);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, &transfer);
  }
  // An empty string, unlike none, also turns off the environment's proxies.
  const bool tls = request.url.starts_with("https:");
  const std::string egress = options.egress_socket ? options.egress_socket() : "";
  if (!egress.empty()) {
    curl_easy_setopt(handle, CURLOPT_PROXY, StrCat("socks5h://localhost", egress).c_str());
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
  } else {
    curl_easy_setopt(handle, CURLOPT_PROXY, tls ? options.https_proxy.c_str() : options.http_proxy.c_str());
    curl_easy_setopt(handle, CURLOPT_NOPROXY, options.no_proxy.c_str());
  }

  const CURLcode code = curl_easy_perform(handle);
  transfer.ReadStatus();
  transfer.response.url = request.url;
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, nullptr);
  const bool error_page_cut =
      code == CURLE_WRITE_ERROR && transfer.error.ok() && transfer.response.status >= 300;
  if (code == CURLE_OK) {
    const std::lock_guard lock(state_->mutex);
    state_->idle.push_back(std::move(easy));
  }
  if (code == CURLE_OK || error_page_cut) return std::move(transfer.response);
  if (!transfer.error.ok()) return transfer.error;
  return egress.empty() ? FromCurl(code, detail, options) : FromEgress(handle, code, detail, options);
}

}  // namespace cc::image
