// SPDX-License-Identifier: Apache-2.0
#include "image/test_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/socket.h"
#include "base/strings.h"

namespace cc::image::testing {
namespace {

class PlainConnection : public TestHttpServer::Connection {
 public:
  explicit PlainConnection(int fd) : fd_(fd) {}
  void Send(std::string_view bytes) override {
    if (!SendFull(fd_, bytes).ok()) Close();
  }
  void WaitForPeerToClose() override {
    char byte;
    while (Receive(&byte, 1) > 0) continue;
  }
  virtual int Receive(char* data, int size) {
    return static_cast<int>(::recv(fd_, data, static_cast<size_t>(size), 0));
  }

 protected:
  const int fd_;
};

class TlsConnection : public PlainConnection {
 public:
  TlsConnection(int fd, SSL_CTX* context) : PlainConnection(fd), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, fd);
    if (SSL_accept(ssl_) != 1) Close();
  }
  ~TlsConnection() override { SSL_free(ssl_); }
  void Send(std::string_view bytes) override {
    if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) Close();
  }
  int Receive(char* data, int size) override { return SSL_read(ssl_, data, size); }

 private:
  SSL* ssl_;
};

// A self-signed certificate for 127.0.0.1.
SSL_CTX* MakeTls(std::string* pem) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1,
                             0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  pem->assign(data, static_cast<size_t>(size));
  BIO_free(bio);
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

std::optional<TestRequest> ReadRequest(PlainConnection& connection) {
  std::string head;
  char byte;
  while (!head.ends_with("\r\n\r\n")) {
    if (head.size() > 100000 || connection.Receive(&byte, 1) != 1) return std::nullopt;
    head.push_back(byte);
  }
  TestRequest request;
  bool first = true;
  for (std::string_view line : StrSplit(head, '\n')) {
    line = StrTrim(line);
    if (first) {
      const SplitPair parts = SplitOnce(line, ' ');
      request.method = std::string(parts.first);
      request.target = std::string(SplitOnce(parts.second, ' ').first);
      first = false;
    } else if (const SplitPair parts = SplitOnce(line, ':'); parts.found) {
      request.headers[ToLower(parts.first)] = std::string(StrTrim(parts.second));
    }
  }
  size_t length = 0;
  if (!ParseNumber(request.Header("content-length"), &length)) return request;
  request.body.resize(length);
  for (size_t at = 0; at < length;) {
    const int got = connection.Receive(request.body.data() + at, static_cast<int>(length - at));
    if (got <= 0) return std::nullopt;
    at += static_cast<size_t>(got);
  }
  return request;
}

}  // namespace

void TestHttpServer::Connection::Reply(int status, std::string_view body,
                                       const std::map<std::string, std::string>& headers) {
  std::string answer = StrCat("HTTP/1.1 ", status, " Whatever\r\nContent-Length: ", body.size(), "\r\n");
  for (const auto& [name, value] : headers) StrAppend(&answer, name, ": ", value, "\r\n");
  StrAppend(&answer, "\r\n", body);
  Send(answer);
}

TestHttpServer::TestHttpServer(Handler handler, bool tls) : handler_(std::move(handler)) {
  if (tls) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that may be closed
    tls_ = std::shared_ptr<void>(MakeTls(&certificate_pem_),
                                 [](void* p) { SSL_CTX_free(static_cast<SSL_CTX*>(p)); });
  }
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), 64) != 0) {
    std::abort();
  }
  acceptor_ = std::jthread([this] { AcceptLoop(); });
}

TestHttpServer::~TestHttpServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  threads_.clear();
}

std::string TestHttpServer::Host() const {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return StrCat("127.0.0.1:", ntohs(address.sin_port));
}

std::vector<TestRequest> TestHttpServer::Requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void TestHttpServer::AcceptLoop() {
  while (true) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) return;
    ++accepted_;
    const std::lock_guard lock(mutex_);
    open_.push_back(socket.get());
    threads_.emplace_back(
        [this, fd = std::make_shared<UniqueFd>(std::move(socket))] { Serve(std::move(*fd)); });
  }
}

void TestHttpServer::Serve(UniqueFd socket) {
  std::unique_ptr<PlainConnection> connection;
  if (tls_ != nullptr) {
    connection = std::make_unique<TlsConnection>(socket.get(), static_cast<SSL_CTX*>(tls_.get()));
  } else {
    connection = std::make_unique<PlainConnection>(socket.get());
  }
  while (!connection->closed()) {
    const std::optional<TestRequest> request = ReadRequest(*connection);
    if (!request) break;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(*request);
    }
    handler_(*request, *connection);
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, socket.get());
}

}  // namespace cc::image::testing
