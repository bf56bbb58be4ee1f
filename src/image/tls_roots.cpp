// SPDX-License-Identifier: Apache-2.0
#include "image/tls_roots.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/log.h"
#include "base/status.h"

namespace cc::image {

absl::StatusOr<std::unique_ptr<TlsRoots>> TlsRoots::Create(std::string_view extra_pem,
                                                           std::string system_bundle) {
  std::unique_ptr<TlsRoots> roots(new TlsRoots(std::move(system_bundle)));
  if (extra_pem.empty()) return roots;
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(extra_pem.data(), static_cast<int>(extra_pem.size())), BIO_free);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    roots->extra_.emplace_back(certificate, [](void* p) { X509_free(static_cast<X509*>(p)); });
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return absl::InvalidArgumentError("extra root certificates: a PEM block is damaged");
  if (roots->extra_.empty()) {
    return absl::InvalidArgumentError("extra root certificates: no PEM certificate found");
  }
  return roots;
}

void TlsRoots::Load() {
  X509_STORE* store = X509_STORE_new();
  store_ = std::shared_ptr<void>(store, [](void* p) { X509_STORE_free(static_cast<X509_STORE*>(p)); });
  if (X509_STORE_load_file(store, system_bundle_.c_str()) != 1) {
    log::Warning("no system root certificates", {{"file", system_bundle_}});
  }
  for (const std::shared_ptr<void>& certificate : extra_) {
    X509_STORE_add_cert(store, static_cast<X509*>(certificate.get()));
  }
  ERR_clear_error();
}

void TlsRoots::Install(void* ssl_context) {
  std::call_once(loaded_, [this] { Load(); });
  SSL_CTX_set1_cert_store(static_cast<SSL_CTX*>(ssl_context), static_cast<X509_STORE*>(store_.get()));
}

}  // namespace cc::image
