// SPDX-License-Identifier: Apache-2.0
// One client's byte stream, plain or TLS, with the deadline of http::TimedSocket for all that it does.
#ifndef CC_TRUSTEE_KBS_CONNECTION_H_
#define CC_TRUSTEE_KBS_CONNECTION_H_

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "http/timed_socket.h"

namespace cc::trustee {

// Certificate chain and key of the service; TLS 1.2 and later.
class TlsServer {
 public:
  // Paths of PEM files. The error names the file that is at fault.
  static absl::StatusOr<std::shared_ptr<TlsServer>> Load(const std::string& certificate,
                                                         const std::string& key);
  ~TlsServer();
  SSL_CTX* get() const { return context_; }

 private:
  explicit TlsServer(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
};

// Used by one thread at a time.
class Connection {
 public:
  // `tls` may be null. The handshake happens with the first Read.
  Connection(int fd, const TlsServer* tls);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void SetDeadline(std::chrono::milliseconds from_now) { socket_.SetDeadline(from_now); }

  // At least one byte; 0 is the end of the stream. DeadlineExceeded or Unavailable otherwise.
  absl::StatusOr<size_t> Read(char* data, size_t size);
  absl::StatusOr<size_t> Write(const char* data, size_t size);

  // Tells a TLS client that the stream ends here.
  void Finish();

 private:
  http::TimedSocket socket_;
  const bool tls_;  // then never plain, also when ssl_ could not be made
  SSL* ssl_ = nullptr;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_CONNECTION_H_
