// SPDX-License-Identifier: Apache-2.0
#include "jose/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>

#include "base/strings.h"
#include "jose/openssl.h"

namespace cc::jose {

absl::StatusOr<Hash> ParseHash(std::string_view name) {
  const std::string lower = ToLower(name);
  if (lower == "sha256" || lower == "sha-256") return Hash::kSha256;
  if (lower == "sha384" || lower == "sha-384") return Hash::kSha384;
  if (lower == "sha512" || lower == "sha-512") return Hash::kSha512;
  return absl::InvalidArgumentError(
      StrCat("hash algorithm '", name.substr(0, 32), "' is unknown: use sha256, sha384 or sha512"));
}

std::string Digest(Hash hash, std::string_view bytes) {
  const EVP_MD* md = hash == Hash::kSha256   ? EVP_sha256()
                     : hash == Hash::kSha384 ? EVP_sha384()
                                             : EVP_sha512();
  std::string digest(static_cast<size_t>(EVP_MD_get_size(md)), '\0');
  // Cannot fail for a built-in digest; a broken library must not pass for an empty digest.
  if (EVP_Digest(bytes.data(), bytes.size(), Bytes(digest), nullptr, md, nullptr) != 1) std::abort();
  return digest;
}

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (RAND_priv_bytes(Bytes(bytes), static_cast<int>(size)) != 1) std::abort();
  return bytes;
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string ToHex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 0xf]);
  }
  return text;
}

absl::StatusOr<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return absl::InvalidArgumentError("hex: the number of digits is odd");
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    if (!ParseNumber(text.substr(i, 2), &byte, 16)) {
      return absl::InvalidArgumentError(StrCat("hex: no digits at character ", i + 1));
    }
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

}  // namespace cc::jose
