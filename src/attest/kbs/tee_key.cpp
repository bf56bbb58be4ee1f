// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/tee_key.h"

#include <openssl/pem.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/openssl.h"

namespace cc::attest {
namespace {

struct Known {
  std::string_view name;
  TeeKeyAlgorithm algorithm;
  jose::KeyType type;
  jose::KeyAlgorithm jwe;
};
constexpr Known kKnown[] = {
    {"ECDH-ES+A256KW-P256", TeeKeyAlgorithm::kEcdhEsA256KwP256, jose::KeyType::kP256,
     jose::KeyAlgorithm::kEcdhEsA256Kw},
    {"ECDH-ES+A256KW-P521", TeeKeyAlgorithm::kEcdhEsA256KwP521, jose::KeyType::kP521,
     jose::KeyAlgorithm::kEcdhEsA256Kw},
    {"RSA-OAEP-256", TeeKeyAlgorithm::kRsaOaep256, jose::KeyType::kRsa, jose::KeyAlgorithm::kRsaOaep256},
};

}  // namespace

std::vector<std::string> TeeKeyAlgorithmNames() {
  std::vector<std::string> names;
  for (const Known& known : kKnown) names.emplace_back(known.name);
  return names;
}

absl::StatusOr<TeeKeyAlgorithm> ParseTeeKeyAlgorithm(std::string_view name) {
  for (const Known& known : kKnown) {
    if (name == known.name) return known.algorithm;
  }
  return absl::InvalidArgumentError(StrCat("TEE key algorithm '", name, "' is not known; known are ",
                                           StrJoin(TeeKeyAlgorithmNames(), ", ")));
}

absl::StatusOr<TeeKey> TeeKey::Generate(TeeKeyAlgorithm algorithm) {
  for (const Known& known : kKnown) {
    if (known.algorithm != algorithm) continue;
    CC_ASSIGN_OR_RETURN(jose::Key key, jose::Key::Generate(known.type));
    return TeeKey(std::move(key), known.jwe);
  }
  return absl::InvalidArgumentError("TEE key: unknown algorithm");
}

nlohmann::json TeeKey::PublicJwk() const { return key_.PublicJwk(jose::KeyAlgorithmName(algorithm_)); }

absl::StatusOr<SecretBytes> TeeKey::PrivatePem() const {
  if (key_.IsEc()) {
    CC_ASSIGN_OR_RETURN(std::string pem, key_.PrivatePem());
    return SecretBytes(std::move(pem));
  }
  const jose::BioPtr bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PrivateKey_traditional(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1) {
    return jose::OpensslError("write the TEE key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes::CopyOf(std::string_view(data, static_cast<size_t>(size)));
}

absl::StatusOr<SecretBytes> TeeKey::Decrypt(std::string_view jwe) const {
  CC_ASSIGN_OR_RETURN(std::string plain, jose::DecryptFlattened(key_, algorithm_, jwe));
  return SecretBytes(std::move(plain));
}

}  // namespace cc::attest
