// SPDX-License-Identifier: Apache-2.0
#include "jose/key_wrap.h"

#include <openssl/rsa.h>

#include <limits>

#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::jose {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kIvSize = 12;
constexpr size_t kTagSize = 16;

absl::Status NotDecrypted() {
  OpensslError("decrypt").IgnoreError();  // empties the queue; its text would tell the causes apart
  return absl::PermissionDeniedError("decrypt: wrong key or tampered data");
}

absl::Status CheckGcmSizes(std::string_view key, std::string_view iv, std::string_view aad,
                           std::string_view text) {
  constexpr size_t kMax = std::numeric_limits<int>::max() - 64;
  if (key.size() == kKeySize && iv.size() == kIvSize && aad.size() <= kMax && text.size() <= kMax) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("A256GCM: key of ", key.size(), " and iv of ", iv.size(), " bytes, expected 32 and 12"));
}

PkeyCtxPtr OaepContext(const Key& key, bool encrypt) {
  PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (context == nullptr ||
      (encrypt ? EVP_PKEY_encrypt_init(context.get()) : EVP_PKEY_decrypt_init(context.get())) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1) {
    return nullptr;
  }
  return context;
}

std::string BigEndian32(uint32_t value) {
  std::string bytes(4, '\0');
  for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>((value >> (24 - 8 * i)) & 0xff);
  return bytes;
}

}  // namespace

absl::StatusOr<Sealed> SealAes256Gcm(std::string_view key, std::string_view iv, std::string_view aad,
                                     std::string_view plaintext) {
  CC_RETURN_IF_ERROR(CheckGcmSizes(key, iv, aad, plaintext));
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  Sealed sealed{std::string(plaintext.size(), '\0'), std::string(kTagSize, '\0')};
  int size = 0;
  int tail = 0;
  if (EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), Bytes(key), Bytes(iv), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(aad), static_cast<int>(aad.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), Bytes(sealed.ciphertext), &size, Bytes(plaintext),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), Bytes(sealed.ciphertext) + size, &tail) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, sealed.tag.data()) != 1) {
    return OpensslError("encrypt with A256GCM");
  }
  return sealed;
}

absl::StatusOr<std::string> OpenAes256Gcm(std::string_view key, std::string_view iv, std::string_view aad,
                                          const Sealed& sealed) {
  CC_RETURN_IF_ERROR(CheckGcmSizes(key, iv, aad, sealed.ciphertext));
  // OpenSSL would take a tag of four bytes, which is no authentication.
  if (sealed.tag.size() != kTagSize) {
    return absl::InvalidArgumentError(StrCat("A256GCM: tag of ", sealed.tag.size(), " bytes, expected 16"));
  }
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  std::string plaintext(sealed.ciphertext.size(), '\0');
  std::string tag = sealed.tag;
  int size = 0;
  int tail = 0;
  if (EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), Bytes(key), Bytes(iv), nullptr) != 1 ||
      EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(aad), static_cast<int>(aad.size())) != 1 ||
      EVP_DecryptUpdate(context.get(), Bytes(plaintext), &size, Bytes(sealed.ciphertext),
                        static_cast<int>(sealed.ciphertext.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(context.get(), Bytes(plaintext) + size, &tail) != 1) {
    Cleanse(plaintext);
    return NotDecrypted();
  }
  return plaintext;
}

absl::StatusOr<std::string> WrapRsaOaep256(const Key& recipient, std::string_view cek) {
  const PkeyCtxPtr context = OaepContext(recipient, /*encrypt=*/true);
  size_t size = 0;
  if (context == nullptr || EVP_PKEY_encrypt(context.get(), nullptr, &size, Bytes(cek), cek.size()) != 1) {
    return OpensslError("wrap with RSA-OAEP-256");
  }
  std::string wrapped(size, '\0');
  if (EVP_PKEY_encrypt(context.get(), Bytes(wrapped), &size, Bytes(cek), cek.size()) != 1) {
    return OpensslError("wrap with RSA-OAEP-256");
  }
  wrapped.resize(size);
  return wrapped;
}

absl::StatusOr<std::string> UnwrapRsaOaep256(const Key& private_key, std::string_view wrapped) {
  const PkeyCtxPtr context = OaepContext(private_key, /*encrypt=*/false);
  size_t size = 0;
  if (context == nullptr ||
      EVP_PKEY_decrypt(context.get(), nullptr, &size, Bytes(wrapped), wrapped.size()) != 1) {
    return NotDecrypted();
  }
  std::string cek(size, '\0');
  if (EVP_PKEY_decrypt(context.get(), Bytes(cek), &size, Bytes(wrapped), wrapped.size()) != 1) {
    Cleanse(cek);
    return NotDecrypted();
  }
  cek.resize(size);
  return cek;
}

absl::StatusOr<std::string> AgreeEcdhEsA256Kw(const Key& own_private, const Key& peer_public) {
  if (own_private.type() != peer_public.type() || !own_private.IsEc()) {
    return absl::PermissionDeniedError(StrCat("ECDH: keys of different curves, ",
                                              KeyTypeName(own_private.type()), " and ",
                                              KeyTypeName(peer_public.type())));
  }
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, own_private.get(), nullptr));
  size_t size = 0;
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer_public.get()) != 1 ||
      EVP_PKEY_derive(context.get(), nullptr, &size) != 1) {
    return OpensslError("agree on a key by ECDH");
  }
  std::string secret(size, '\0');
  if (EVP_PKEY_derive(context.get(), Bytes(secret), &size) != 1)
    return OpensslError("agree on a key by ECDH");
  secret.resize(size);
  // Concat KDF: one round of SHA-256 gives the 256 bits asked for.
  static constexpr std::string_view kAlgorithm = "ECDH-ES+A256KW";
  std::string input = StrCat(BigEndian32(1), secret, BigEndian32(kAlgorithm.size()), kAlgorithm,
                             BigEndian32(0), BigEndian32(0), BigEndian32(256));
  std::string kek = Digest(Hash::kSha256, input);
  Cleanse(secret);
  Cleanse(input);
  return kek;
}

absl::StatusOr<std::string> WrapAes256(std::string_view kek, std::string_view cek) {
  if (kek.size() != kKeySize || cek.size() % 8 != 0 || cek.size() < 16 || cek.size() > 4096) {
    return absl::InvalidArgumentError("AES key wrap: wrong key sizes");
  }
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  std::string wrapped(cek.size() + 8, '\0');
  int size = 0;
  if (EVP_EncryptInit_ex2(context.get(), EVP_aes_256_wrap(), Bytes(kek), nullptr, nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), Bytes(wrapped), &size, Bytes(cek), static_cast<int>(cek.size())) !=
          1) {
    return OpensslError("wrap with AES");
  }
  return wrapped;
}

absl::StatusOr<std::string> UnwrapAes256(std::string_view kek, std::string_view wrapped) {
  if (kek.size() != kKeySize || wrapped.size() % 8 != 0 || wrapped.size() < 24 || wrapped.size() > 4096) {
    return absl::InvalidArgumentError("AES key wrap: wrong key sizes");
  }
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  std::string cek(wrapped.size() + 8, '\0');
  int size = 0;
  if (EVP_DecryptInit_ex2(context.get(), EVP_aes_256_wrap(), Bytes(kek), nullptr, nullptr) != 1 ||
      EVP_DecryptUpdate(context.get(), Bytes(cek), &size, Bytes(wrapped), static_cast<int>(wrapped.size())) !=
          1) {
    Cleanse(cek);
    return NotDecrypted();
  }
  cek.resize(static_cast<size_t>(size));
  return cek;
}

}  // namespace cc::jose
