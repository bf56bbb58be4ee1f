// SPDX-License-Identifier: Apache-2.0
#include "image/tls_roots.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/status.h"

namespace cc::image {

absl::StatusOr<TlsRoots> TlsRoots::Parse(std::string_view pem) {
  TlsRoots roots;
  if (pem.empty()) return roots;
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    roots.certificates_.emplace_back(certificate, [](void* p) { X509_free(static_cast<X509*>(p)); });
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return absl::InvalidArgumentError("extra root certificates: a PEM block is damaged");
  if (roots.empty()) return absl::InvalidArgumentError("extra root certificates: no PEM certificate found");
  return roots;
}

void TlsRoots::AddTo(void* ssl_context) const {
  X509_STORE* store = SSL_CTX_get_cert_store(static_cast<SSL_CTX*>(ssl_context));
  for (const std::shared_ptr<void>& certificate : certificates_) {
    X509_STORE_add_cert(store, static_cast<X509*>(certificate.get()));
  }
}

}  // namespace cc::image
