// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/connection.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
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

Connection::Connection(int fd, const TlsServer* tls) : socket_(fd), tls_(tls != nullptr) {
  if (!tls_) return;
  // OpenSSL reads and writes by itself: on a blocking socket it would wait past every deadline.
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ssl_ = SSL_new(tls->get());
  if (ssl_ == nullptr || SSL_set_fd(ssl_, fd) != 1) return;
  SSL_set_accept_state(ssl_);
}

Connection::~Connection() { SSL_free(ssl_); }

absl::StatusOr<size_t> Connection::Read(char* data, size_t size) {
  if (!tls_) return socket_.Read(data, size);
  if (ssl_ == nullptr) return jose::OpensslError("TLS with a client");
  size = std::min<size_t>(size, std::numeric_limits<int>::max());
  while (true) {
    ERR_clear_error();
    const int count = SSL_read(ssl_, data, static_cast<int>(size));
    if (count > 0) return static_cast<size_t>(count);
    const int error = SSL_get_error(ssl_, count);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      return absl::UnavailableError(jose::OpensslError("TLS with a client").message());
    }
    CC_RETURN_IF_ERROR(socket_.WaitFor(error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN));
  }
}

absl::StatusOr<size_t> Connection::Write(const char* data, size_t size) {
  if (!tls_) return socket_.Write(data, size);
  if (ssl_ == nullptr) return jose::OpensslError("TLS with a client");
  size = std::min<size_t>(size, std::numeric_limits<int>::max());
  while (true) {
    ERR_clear_error();
    const int count = SSL_write(ssl_, data, static_cast<int>(size));
    if (count > 0) return static_cast<size_t>(count);
    const int error = SSL_get_error(ssl_, count);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      return absl::UnavailableError(jose::OpensslError("TLS with a client").message());
    }
    CC_RETURN_IF_ERROR(socket_.WaitFor(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT));
  }
}

void Connection::Finish() {
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
}

}  // namespace cc::trustee
