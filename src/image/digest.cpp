// SPDX-License-Identifier: Apache-2.0
#include "image/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/log.h"
#include "base/strings.h"

namespace cc::image {
namespace {

std::string_view NameOf(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha256 ? "sha256" : "sha512";
}

std::string ToHex(const unsigned char* data, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * size);
  for (size_t i = 0; i < size; ++i) {
    hex.push_back(kDigits[data[i] >> 4]);
    hex.push_back(kDigits[data[i] & 15]);
  }
  return hex;
}

}  // namespace

absl::StatusOr<Digest> Digest::Parse(std::string_view text) {
  const SplitPair parts = SplitOnce(text, ':');
  HashAlgorithm algorithm;
  size_t length;
  if (parts.first == "sha256") {
    algorithm = HashAlgorithm::kSha256;
    length = 64;
  } else if (parts.first == "sha512") {
    algorithm = HashAlgorithm::kSha512;
    length = 128;
  } else {
    return absl::InvalidArgumentError(
        StrCat("digest '", text.substr(0, 160), "' is neither sha256 nor sha512"));
  }
  const bool is_hex = std::all_of(parts.second.begin(), parts.second.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (parts.second.size() != length || !is_hex) {
    return absl::InvalidArgumentError(
        StrCat("digest '", text.substr(0, 160), "' is not ", length, " lower-case hexadecimal digits"));
  }
  return Digest(algorithm, std::string(parts.second));
}

Digest Digest::Of(HashAlgorithm algorithm, std::string_view data) {
  Hasher hasher(algorithm);
  hasher.Update(data);
  return hasher.Finish();
}

std::string Digest::ToString() const { return StrCat(NameOf(algorithm_), ":", hex_); }
std::string Digest::DirName() const { return StrCat(NameOf(algorithm_), "-", hex_); }

struct Hasher::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

// OpenSSL fails here only when it has no memory or no SHA-2: nothing sensible can go on.
static void Require(int ok) {
  if (ok == 1) return;
  log::Error("OpenSSL cannot compute SHA-2");
  std::abort();
}

Hasher::Hasher(HashAlgorithm algorithm) : algorithm_(algorithm), context_(std::make_unique<Context>()) {
  const EVP_MD* md = algorithm == HashAlgorithm::kSha256 ? EVP_sha256() : EVP_sha512();
  Require(EVP_DigestInit_ex(context_->evp, md, nullptr));
}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::Update(std::string_view data) {
  Require(EVP_DigestUpdate(context_->evp, data.data(), data.size()));
}

Digest Hasher::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  Require(EVP_DigestFinal_ex(context_->evp, out.data(), &size));
  return Digest(algorithm_, ToHex(out.data(), size));
}

}  // namespace cc::image
