// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/status.h"
#include "base/strings.h"
#include "jose/openssl.h"

namespace cc::trustee {

absl::StatusOr<std::shared_ptr<TlsServer>> TlsServer::Load(const std::string& certificate,
                                                           const std::string& key) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return jose::OpensslError("set up TLS");
  std::shared_ptr<TlsServer> server(new TlsServer(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return jose::OpensslError(StrCat("read TLS certificate ", certificate));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return jose::OpensslError(StrCat("read TLS key ", key, " (it must belong to ", certificate, ")"));
  }
  return server;
}

TlsServer::~TlsServer() { SSL_CTX_free(context_); }

Connection::Connection(int fd, const TlsServer* tls) : fd_(fd) {
  if (tls == nullptr) return;
  ssl_ = SSL_new(tls->get());
  if (ssl_ == nullptr || SSL_set_fd(ssl_, fd) != 1) return;
  SSL_set_accept_state(ssl_);
}

Connection::~Connection() { SSL_free(ssl_); }

absl::Status Connection::WaitFor(short events) const {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return absl::DeadlineExceededError("the client is too slow");
    pollfd poll_fd{.fd = fd_, .events = events, .revents = 0};
    const int count = ::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left.count() + 1, 60000)));
    if (count > 0) return absl::OkStatus();
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "wait for a client");
  }
}

absl::StatusOr<size_t> Connection::Read(char* data, size_t size) {
  size = std::min<size_t>(size, std::numeric_limits<int>::max());
  while (true) {
    short wanted = POLLIN;
    if (ssl_ == nullptr) {
      const ssize_t count = ::recv(fd_, data, size, MSG_DONTWAIT);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return ErrnoStatus(errno, "read from a client");
    } else {
      ERR_clear_error();
      const int count = SSL_read(ssl_, data, static_cast<int>(size));
      if (count > 0) return static_cast<size_t>(count);
      const int error = SSL_get_error(ssl_, count);
      if (error == SSL_ERROR_ZERO_RETURN) return 0;
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        return absl::UnavailableError(jose::OpensslError("TLS with a client").message());
      }
      if (error == SSL_ERROR_WANT_WRITE) wanted = POLLOUT;
    }
    CC_RETURN_IF_ERROR(WaitFor(wanted));
  }
}

absl::StatusOr<size_t> Connection::Write(const char* data, size_t size) {
  size = std::min<size_t>(size, std::numeric_limits<int>::max());
  while (true) {
    short wanted = POLLOUT;
    if (ssl_ == nullptr) {
      const ssize_t count = ::send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return ErrnoStatus(errno, "write to a client");
    } else {
      ERR_clear_error();
      const int count = SSL_write(ssl_, data, static_cast<int>(size));
      if (count > 0) return static_cast<size_t>(count);
      const int error = SSL_get_error(ssl_, count);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        return absl::UnavailableError(jose::OpensslError("TLS with a client").message());
      }
      if (error == SSL_ERROR_WANT_READ) wanted = POLLIN;
    }
    CC_RETURN_IF_ERROR(WaitFor(wanted));
  }
}

void Connection::Finish() {
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
}

}  // namespace cc::trustee
