// SPDX-License-Identifier: Apache-2.0
// The certificates that servers are verified against: the system's bundle plus extra ones. Read once, when
// the first TLS connection needs them, and shared by all connections: parsing a bundle for each would cost
// more than the rest of a handshake (half a second in an emulated guest).
#ifndef CC_IMAGE_TLS_ROOTS_H_
#define CC_IMAGE_TLS_ROOTS_H_

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::image {

// Thread-safe.
class TlsRoots {
 public:
  static constexpr char kSystemBundle[] = "/etc/ssl/certs/ca-certificates.crt";

  // Concatenated PEM certificates; empty text is no certificate, other text without one InvalidArgument.
  static absl::StatusOr<std::unique_ptr<TlsRoots>> Create(std::string_view extra_pem,
                                                          std::string system_bundle = kSystemBundle);

  // Makes `ssl_context` (an SSL_CTX of OpenSSL) verify its peer against these roots and no others.
  void Install(void* ssl_context);

 private:
  explicit TlsRoots(std::string system_bundle) : system_bundle_(std::move(system_bundle)) {}
  void Load();

  const std::string system_bundle_;
  std::vector<std::shared_ptr<void>> extra_;  // X509*
  std::once_flag loaded_;
  std::shared_ptr<void> store_;  // X509_STORE*
};

}  // namespace cc::image

#endif  // CC_IMAGE_TLS_ROOTS_H_
