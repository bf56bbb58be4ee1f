// SPDX-License-Identifier: Apache-2.0
#include "attest/wrap.h"

#include <climits>

#include "base/status.h"
#include "base/strings.h"
#include "jose/key_wrap.h"
#include "jose/openssl.h"

namespace cc::attest {
namespace {

constexpr size_t kGcmTagSize = 16;
// Far above any wrapped key or secret, far below what an int of OpenSSL holds.
constexpr size_t kMaxSize = size_t{16} << 20;

absl::Status Check(WrapType type, std::string_view key, std::string_view iv, std::string_view text) {
  if (key.size() != kWrapKeySize) {
    return absl::InvalidArgumentError(
        StrCat(WrapTypeName(type), ": the key has ", key.size(), " bytes, must have ", kWrapKeySize));
  }
  if (iv.size() != WrapIvSize(type)) {
    return absl::InvalidArgumentError(
        StrCat(WrapTypeName(type), ": the IV has ", iv.size(), " bytes, must have ", WrapIvSize(type)));
  }
  if (text.size() > kMaxSize)
    return absl::InvalidArgumentError(StrCat(WrapTypeName(type), ": text too long"));
  return absl::OkStatus();
}

// Its own inverse.
absl::StatusOr<std::string> ApplyCtr(std::string_view key, std::string_view iv, std::string_view text) {
  const jose::CipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  std::string out(text.size(), '\0');
  int size = 0;
  if (ctx == nullptr ||
      EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_ctr(), nullptr, jose::Bytes(key), jose::Bytes(iv)) != 1 ||
      EVP_EncryptUpdate(ctx.get(), jose::Bytes(out), &size, jose::Bytes(text),
                        static_cast<int>(text.size())) != 1) {
    return jose::OpensslError("A256CTR");
  }
  return out;
}

}  // namespace

std::string_view WrapTypeName(WrapType type) { return type == WrapType::kA256Gcm ? "A256GCM" : "A256CTR"; }

absl::StatusOr<WrapType> ParseWrapType(std::string_view name) {
  for (const WrapType type : {WrapType::kA256Gcm, WrapType::kA256Ctr}) {
    if (name == WrapTypeName(type)) return type;
  }
  return absl::InvalidArgumentError(
      StrCat("wrap type '", name.substr(0, 32), "' is not known; known are A256GCM and A256CTR"));
}

size_t WrapIvSize(WrapType type) { return type == WrapType::kA256Gcm ? 12 : 16; }

absl::StatusOr<SecretBytes> Unwrap(WrapType type, std::string_view key, std::string_view iv,
                                   std::string_view ciphertext) {
  CC_RETURN_IF_ERROR(Check(type, key, iv, ciphertext));
  if (type == WrapType::kA256Ctr) {
    CC_ASSIGN_OR_RETURN(std::string plain, ApplyCtr(key, iv, ciphertext));
    return SecretBytes(std::move(plain));
  }
  if (ciphertext.size() < kGcmTagSize) {
    return absl::InvalidArgumentError(
        StrCat("A256GCM: ", ciphertext.size(), " bytes are too short for the tag"));
  }
  const size_t size = ciphertext.size() - kGcmTagSize;
  CC_ASSIGN_OR_RETURN(std::string plain,
                      jose::OpenAes256Gcm(key, iv, "",
                                          {.ciphertext = std::string(ciphertext.substr(0, size)),
                                           .tag = std::string(ciphertext.substr(size))}));
  return SecretBytes(std::move(plain));
}

absl::StatusOr<std::string> Wrap(WrapType type, std::string_view key, std::string_view iv,
                                 std::string_view plaintext) {
  CC_RETURN_IF_ERROR(Check(type, key, iv, plaintext));
  if (type == WrapType::kA256Ctr) return ApplyCtr(key, iv, plaintext);
  CC_ASSIGN_OR_RETURN(const jose::Sealed sealed, jose::SealAes256Gcm(key, iv, "", plaintext));
  return sealed.ciphertext + sealed.tag;
}

}  // namespace cc::attest
