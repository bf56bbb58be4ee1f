// SPDX-License-Identifier: Apache-2.0
// Certificates that are trusted beside the system's.
#ifndef CC_IMAGE_TLS_ROOTS_H_
#define CC_IMAGE_TLS_ROOTS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::image {

class TlsRoots {
 public:
  // Concatenated PEM certificates; empty text is no certificate, other text without one InvalidArgument.
  static absl::StatusOr<TlsRoots> Parse(std::string_view pem);

  bool empty() const { return certificates_.empty(); }
  // Adds them to an SSL_CTX of OpenSSL.
  void AddTo(void* ssl_context) const;

 private:
  std::vector<std::shared_ptr<void>> certificates_;  // X509*
};

}  // namespace cc::image

#endif  // CC_IMAGE_TLS_ROOTS_H_
