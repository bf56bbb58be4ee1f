// SPDX-License-Identifier: Apache-2.0
#include "jose/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <array>

#include "base/strings.h"

namespace cc::jose {

absl::Status OpensslError(std::string_view what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return absl::InternalError(std::string(what));
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return absl::InternalError(StrCat(what, ": ", text.data()));
}

void Cleanse(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace cc::jose
