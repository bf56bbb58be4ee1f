// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/layer_cipher.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <vector>

#include "attest/ocicrypt/layer_options.h"
#include "attest/ocicrypt/staging.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::attest {
namespace {

// Fits the level-2 cache, and an int.
constexpr size_t kChunk = 256 << 10;

// HMAC-SHA256 or plain SHA-256, over a text in pieces.
class Hasher {
 public:
  static absl::StatusOr<Hasher> Sha256() {
    Hasher hasher;
    if (hasher.ctx_ == nullptr || EVP_DigestInit_ex(hasher.ctx_.get(), EVP_sha256(), nullptr) != 1) {
      return jose::OpensslError("SHA-256");
    }
    return hasher;
  }
  static absl::StatusOr<Hasher> Hmac(std::string_view key) {
    Hasher hasher;
    const jose::PkeyPtr pkey(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr, jose::Bytes(key), key.size()));
    if (hasher.ctx_ == nullptr || pkey == nullptr ||
        EVP_DigestSignInit(hasher.ctx_.get(), nullptr, EVP_sha256(), nullptr, pkey.get()) != 1) {
      return jose::OpensslError("HMAC-SHA256");
    }
    hasher.keyed_ = true;
    return hasher;
  }
  bool Update(std::string_view text) {
    return keyed_ ? EVP_DigestSignUpdate(ctx_.get(), text.data(), text.size()) == 1
                  : EVP_DigestUpdate(ctx_.get(), text.data(), text.size()) == 1;
  }
  std::string Finish() {
    std::string out(32, '\0');
    size_t size = out.size();
    const bool ok = keyed_ ? EVP_DigestSignFinal(ctx_.get(), jose::Bytes(out), &size) == 1
                           : EVP_DigestFinal_ex(ctx_.get(), jose::Bytes(out), nullptr) == 1;
    return ok ? out : std::string();
  }

 private:
  Hasher() : ctx_(EVP_MD_CTX_new()) {}
  jose::MdCtxPtr ctx_;
  bool keyed_ = false;
};

// AES-256-CTR over a text in pieces.
class KeyStream {
 public:
  static absl::StatusOr<KeyStream> Create(const LayerSecrets& secrets) {
    KeyStream stream;
    if (secrets.key.size() != kLayerKeySize || secrets.nonce.size() != kLayerNonceSize) {
      return absl::InvalidArgumentError("encrypted layer: key or nonce of a wrong length");
    }
    if (stream.ctx_ == nullptr ||
        EVP_EncryptInit_ex(stream.ctx_.get(), EVP_aes_256_ctr(), nullptr, jose::Bytes(secrets.key.view()),
                           jose::Bytes(secrets.nonce)) != 1) {
      return jose::OpensslError("AES-256-CTR");
    }
    return stream;
  }
  // The piece, encrypted or decrypted; valid until the next call. At most kChunk bytes.
  absl::StatusOr<std::string_view> Apply(std::string_view piece) {
    int size = 0;
    if (EVP_EncryptUpdate(ctx_.get(), reinterpret_cast<unsigned char*>(buffer_.data()), &size,
                          jose::Bytes(piece), static_cast<int>(piece.size())) != 1) {
      return jose::OpensslError("AES-256-CTR");
    }
    return std::string_view(buffer_.data(), static_cast<size_t>(size));
  }

 private:
  KeyStream() : ctx_(EVP_CIPHER_CTX_new()), buffer_(kChunk) {}
  jose::CipherCtxPtr ctx_;
  std::vector<char> buffer_;
};

absl::Status ForEachChunk(std::string_view text, const WriteBlock& body) {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kChunk))) {
    CC_RETURN_IF_ERROR(body(text.substr(0, kChunk)));
  }
  return absl::OkStatus();
}

std::string DigestText(Hasher& hasher) { return StrCat("sha256:", jose::ToHex(hasher.Finish())); }

// Hashes the ciphertext, and the plaintext where its digest is asked for.
class Verifier {
 public:
  static absl::StatusOr<Verifier> Create(const LayerSecrets& secrets, uint64_t max_bytes) {
    if (secrets.hmac.size() != kLayerHmacSize) {
      return absl::InvalidArgumentError("encrypted layer: the HMAC is missing or of a wrong length");
    }
    CC_ASSIGN_OR_RETURN(Hasher hmac, Hasher::Hmac(secrets.key.view()));
    CC_ASSIGN_OR_RETURN(Hasher plain, Hasher::Sha256());
    return Verifier(secrets, max_bytes, std::move(hmac), std::move(plain));
  }
  bool wants_plaintext() const { return !secrets_.plain_digest.empty(); }

  absl::Status AddCiphertext(std::string_view piece) {
    if (piece.size() > max_bytes_ - bytes_) {
      return absl::ResourceExhaustedError(StrCat("encrypted layer: more than ", max_bytes_, " bytes"));
    }
    bytes_ += piece.size();
    return hmac_.Update(piece) ? absl::OkStatus() : jose::OpensslError("HMAC-SHA256");
  }
  absl::Status AddPlaintext(std::string_view piece) {
    return plain_.Update(piece) ? absl::OkStatus() : jose::OpensslError("SHA-256");
  }
  absl::Status Verdict() {
    if (!jose::EqualSecrets(hmac_.Finish(), secrets_.hmac)) {
      return absl::PermissionDeniedError(
          "encrypted layer: the HMAC does not match: the layer was changed, or the key is not the one it was "
          "encrypted with");
    }
    if (wants_plaintext() && !jose::EqualSecrets(DigestText(plain_), secrets_.plain_digest)) {
      return absl::PermissionDeniedError(
          "encrypted layer: the decrypted data has another digest than its key provider was told");
    }
    return absl::OkStatus();
  }

 private:
  Verifier(const LayerSecrets& secrets, uint64_t max_bytes, Hasher hmac, Hasher plain)
      : secrets_(secrets), max_bytes_(max_bytes), hmac_(std::move(hmac)), plain_(std::move(plain)) {}
  const LayerSecrets& secrets_;
  uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  Hasher hmac_, plain_;
};

// Hands each piece of the stream to `body`, in chunks.
absl::Status ForEachPiece(const ReadBlock& read, const WriteBlock& body) {
  while (true) {
    CC_ASSIGN_OR_RETURN(const std::string_view piece, read());
    if (piece.empty()) return absl::OkStatus();
    CC_RETURN_IF_ERROR(ForEachChunk(piece, body));
  }
}

}  // namespace

absl::Status LayerDecryptor::Decrypt(const ReadBlock& read, const WriteBlock& write) {
  CC_ASSIGN_OR_RETURN(Verifier verifier, Verifier::Create(secrets_, max_bytes_));
  CC_ASSIGN_OR_RETURN(KeyStream checked, KeyStream::Create(secrets_));
  CC_ASSIGN_OR_RETURN(Staging staging, Staging::Create("encrypted-layer"));
  CC_RETURN_IF_ERROR(ForEachPiece(read, [&](std::string_view piece) -> absl::Status {
    CC_RETURN_IF_ERROR(verifier.AddCiphertext(piece));
    if (verifier.wants_plaintext()) {
      CC_ASSIGN_OR_RETURN(const std::string_view plain, checked.Apply(piece));
      CC_RETURN_IF_ERROR(verifier.AddPlaintext(plain));
    }
    return staging.Append(piece);
  }));
  CC_RETURN_IF_ERROR(verifier.Verdict());
  CC_ASSIGN_OR_RETURN(KeyStream stream, KeyStream::Create(secrets_));
  return staging.Drain(kChunk, [&](std::string_view piece) -> absl::Status {
    CC_ASSIGN_OR_RETURN(const std::string_view plain, stream.Apply(piece));
    return write(plain);
  });
}

absl::StatusOr<EncryptedLayerInfo> EncryptLayer(const ReadBlock& read, const WriteBlock& write) {
  EncryptedLayerInfo info;
  info.secrets.key = SecretBytes(jose::RandomBytes(kLayerKeySize));
  info.secrets.nonce = jose::RandomBytes(kLayerNonceSize);
  CC_ASSIGN_OR_RETURN(Hasher hmac, Hasher::Hmac(info.secrets.key.view()));
  CC_ASSIGN_OR_RETURN(Hasher plain_digest, Hasher::Sha256());
  CC_ASSIGN_OR_RETURN(Hasher digest, Hasher::Sha256());
  CC_ASSIGN_OR_RETURN(KeyStream stream, KeyStream::Create(info.secrets));
  CC_RETURN_IF_ERROR(ForEachPiece(read, [&](std::string_view plain) -> absl::Status {
    CC_ASSIGN_OR_RETURN(const std::string_view piece, stream.Apply(plain));
    if (!plain_digest.Update(plain) || !hmac.Update(piece) || !digest.Update(piece)) {
      return jose::OpensslError("encrypt a layer");
    }
    info.size += piece.size();
    return write(piece);
  }));
  info.secrets.hmac = hmac.Finish();
  info.secrets.plain_digest = DigestText(plain_digest);
  info.digest = DigestText(digest);
  return info;
}

}  // namespace cc::attest
