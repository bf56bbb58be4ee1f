// SPDX-License-Identifier: Apache-2.0
// The low-level functions of libcrypto, although marked deprecated: linked statically they bring one object
// file of code, where the EVP interface brings the provider machinery (2 MB of resident memory).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shim/sha256.h"

#include <openssl/sha.h>

#include <array>

#include "absl/strings/escaping.h"

namespace cc::shim {

std::string Sha256Hex(std::string_view data) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, data.data(), data.size());
  SHA256_Final(digest.data(), &context);
  // SAFETY: octets as characters.
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace cc::shim
