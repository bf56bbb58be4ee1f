// SPDX-License-Identifier: Apache-2.0
// Each io_context here has one thread, and ThreadSanitizer knows no fences.
#define BOOST_ASIO_DISABLE_FENCED_BLOCK

#include "attest/kbs/test_kbs.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/jwe.h"
#include "jose/jws.h"
#include "jose/jwt.h"

namespace cc::attest {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using nlohmann::json;

TestKbs::Reply Error(unsigned status, const std::string& type, const std::string& detail) {
  return {.status = status,
          .body = json{{"type", "https://github.com/confidential-containers/kbs/errors/" + type},
                       {"detail", detail}}
                      .dump(),
          .set_cookie = {}};
}

// The text that is hashed, put together by hand: an independent reading of the protocol.
std::string RuntimeText(const std::string& nonce, const json& key) {
  const auto text = [&](const char* name) { return "\"" + key.at(name).get<std::string>() + "\""; };
  std::string jwk;
  if (key.at("kty") == "EC") {
    jwk = "{\"alg\":" + text("alg") + ",\"crv\":" + text("crv") + ",\"kty\":\"EC\",\"x\":" + text("x") +
          ",\"y\":" + text("y") + "}";
  } else {
    jwk = "{\"alg\":" + text("alg") + ",\"e\":" + text("e") + ",\"kty\":\"RSA\",\"n\":" + text("n") + "}";
  }
  return "{\"additional-evidence\":\"\",\"nonce\":\"" + nonce + "\",\"tee-pubkey\":" + jwk + "}";
}

}  // namespace

class TestKbs::Server {
 public:
  Server(Resources resources, Intercept intercept, std::optional<Tls> tls)
      : resources_(std::move(resources)), intercept_(std::move(intercept)) {
    if (tls.has_value()) {
      tls_.emplace(asio::ssl::context::tls_server);
      tls_->use_certificate_chain(asio::buffer(tls->certificate_pem));
      tls_->use_private_key(asio::buffer(tls->key_pem), asio::ssl::context::pem);
    }
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ::ntohs(address.sin_port);
    acceptor_ = std::thread([this] { AcceptAll(); });
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : connections_) thread.join();
  }

  std::string url() const { return StrCat(tls_.has_value() ? "https" : "http", "://127.0.0.1:", port_); }
  std::vector<Request> Requests(const std::string& suffix) {
    std::lock_guard lock(mutex_);
    std::vector<Request> found;
    for (const Request& request : log_) {
      if (request.target.ends_with(suffix)) found.push_back(request);
    }
    return found;
  }
  void Restart() {
    std::lock_guard lock(mutex_);
    signer_ = *jose::Key::Generate(jose::KeyType::kP256);
    nonces_.clear();
    attested_.clear();
  }
  std::atomic<int> token_seconds = 300;

 private:
  void AcceptAll() {
    while (true) {
      absl::StatusOr<UniqueFd> fd = Accept(listener_.get());
      if (!fd.ok()) return;
      {
        std::lock_guard lock(mutex_);
        open_.insert(fd->get());
      }
      connections_.emplace_back([this, fd = fd->release()] { Serve(fd); });
    }
  }

  void Serve(int fd) {
    asio::io_context io;
    boost::system::error_code error;
    asio::ip::tcp::socket socket(io);
    socket.assign(asio::ip::tcp::v4(), fd, error);
    if (tls_.has_value()) {
      asio::ssl::stream<asio::ip::tcp::socket&> stream(socket, *tls_);
      stream.handshake(asio::ssl::stream_base::server, error);
      if (!error) Answer(stream);
    } else {
      Answer(socket);
    }
    std::lock_guard lock(mutex_);
    open_.erase(fd);
    socket.close(error);
  }

  template <typename Stream>
  void Answer(Stream& stream) {
    boost::system::error_code error;
    boost::beast::flat_buffer buffer;
    while (!error) {
      http::request<http::string_body> request;
      http::read(stream, buffer, request, error);
      if (error) return;
      const Reply reply = Handle({.method = std::string(request.method_string()),
                                  .target = std::string(request.target()),
                                  .authorization = std::string(request[http::field::authorization]),
                                  .cookie = std::string(request[http::field::cookie]),
                                  .body = request.body()});
      http::response<http::string_body> response(static_cast<http::status>(reply.status), 11);
      if (!reply.set_cookie.empty()) response.set(http::field::set_cookie, reply.set_cookie);
      response.body() = reply.body;
      response.prepare_payload();
      http::write(stream, response, error);
    }
  }

  Reply Handle(const Request& request) {
    {
      std::lock_guard lock(mutex_);
      log_.push_back(request);
    }
    if (intercept_) {
      if (std::optional<Reply> reply = intercept_(request)) return *reply;
    }
    std::lock_guard lock(mutex_);
    if (request.target == "/kbs/v0/auth") return Auth(request);
    if (request.target == "/kbs/v0/attest") return Attest(request);
    constexpr std::string_view kResource = "/kbs/v0/resource/";
    if (request.target.starts_with(kResource))
      return Resource(request, request.target.substr(kResource.size()));
    return Error(404, "PluginNotFound", "no such plugin");
  }

  Reply Auth(const Request& request) {
    const json message = json::parse(request.body, nullptr, false);
    if (message.value("version", "") != "0.4.0") return Error(401, "AttestationError", "version");
    if (message.value("tee", "") != "sample")
      return Error(401, "AttestationError", "no verifier for this TEE");
    const std::string session = jose::ToHex(jose::RandomBytes(16));
    nonces_[session] = jose::Base64Encode(jose::RandomBytes(32));
    return {.body = json{{"nonce", nonces_[session]}, {"extra-params", ""}}.dump(),
            .set_cookie = StrCat("kbs-session-id=", session, "; Expires=Wed, 21 Oct 2099 07:28:00 GMT")};
  }

  Reply Attest(const Request& request) {
    const std::string session(SplitOnce(request.cookie, '=').second);
    const auto nonce = nonces_.find(session);
    if (nonce == nonces_.end()) return Error(401, "AttestationError", "no such session");
    const json message = json::parse(request.body);
    if (!message.at("init-data").is_null() && message.at("init-data").at("format") != "toml") {
      return Error(401, "AttestationError", "init-data");
    }
    const json& runtime = message.at("runtime-data");
    if (runtime.at("nonce") != nonce->second) return Error(401, "AttestationError", "nonce");
    const json& key = runtime.at("tee-pubkey");
    const std::string expected =
        jose::Base64Encode(jose::Digest(jose::Hash::kSha384, RuntimeText(nonce->second, key)));
    const json& evidence = message.at("tee-evidence");
    if (evidence.at("primary_evidence") != json{{"svn", "1"}, {"report_data", expected}} ||
        evidence.at("additional_evidence") != "") {
      return Error(401, "AttestationError", "report data");
    }
    attested_[session] = key;
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    const std::string token = *jose::SignCompact(
        signer_, jose::SignatureAlgorithm::kEs256, json{{"typ", "JWT"}},
        json{{"iat", now.count()}, {"exp", now.count() + token_seconds}, {"tee-pubkey", key}}.dump());
    return {.body = json{{"token", token}}.dump(), .set_cookie = StrCat("kbs-session-id=", session)};
  }

  Reply Resource(const Request& request, const std::string& path) {
    json key;
    if (!request.cookie.empty()) {
      const auto session = attested_.find(std::string(SplitOnce(request.cookie, '=').second));
      if (session == attested_.end()) return Error(401, "TokenNotFound", "no such session");
      key = session->second;
    } else {
      const std::string_view token = SplitOnce(request.authorization, ' ').second;
      const auto payload = jose::VerifyCompact(token, signer_, jose::SignatureAlgorithm::kEs256);
      if (!payload.ok()) return Error(401, "TokenVerifierError", "signature");
      key = json::parse(*payload).at("tee-pubkey");
    }
    const auto resource = resources_.find(path);
    if (resource == resources_.end()) return Error(401, "PluginInternalError", "no resource " + path);
    const auto algorithm = jose::ParseKeyAlgorithm(key.at("alg").get<std::string>());
    return {.body = *jose::EncryptFlattened(*jose::Key::FromJwk(key), *algorithm, resource->second),
            .set_cookie = {}};
  }

  const Resources resources_;
  const Intercept intercept_;
  std::optional<asio::ssl::context> tls_;
  UniqueFd listener_;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> connections_;  // of the acceptor
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<Request> log_;
  std::map<std::string, std::string> nonces_;
  std::map<std::string, json> attested_;
  jose::Key signer_ = *jose::Key::Generate(jose::KeyType::kP256);
};

TestKbs::TestKbs(Resources resources, Intercept intercept, std::optional<Tls> tls)
    : server_(std::make_unique<Server>(std::move(resources), std::move(intercept), std::move(tls))) {}
TestKbs::~TestKbs() = default;
std::string TestKbs::url() const { return server_->url(); }
std::vector<TestKbs::Request> TestKbs::Requests(const std::string& suffix) const {
  return server_->Requests(suffix);
}
void TestKbs::Restart() { server_->Restart(); }
void TestKbs::set_token_seconds(int seconds) { server_->token_seconds = seconds; }

TestKbs::Tls MakeTestIdentity() {
  const TempDir directory = *TempDir::Create("/tmp/test-kbs-");
  const std::string key = directory.path() + "/key.pem", certificate = directory.path() + "/cert.pem";
  const absl::StatusOr<Output> made =
      cc::Run({.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=test KBS", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate}});
  EXPECT_TRUE(made.ok() && made->exit.Status() == 0) << made.status();
  return {.certificate_pem = *ReadFile(certificate), .key_pem = *ReadFile(key)};
}

}  // namespace cc::attest
