// SPDX-License-Identifier: Apache-2.0
// For tests: what `cosign sign --key` leaves in a registry.
#ifndef CC_IMAGE_TEST_COSIGN_H_
#define CC_IMAGE_TEST_COSIGN_H_

#include <nlohmann/json.hpp>
#include <string>

#include "image/cosign.h"
#include "image/digest.h"
#include "image/test_image.h"
#include "jose/base64.h"
#include "jose/openssl.h"

namespace cc::image::testing {

inline std::string CosignPayload(const std::string& name, const std::string& digest,
                                 const std::string& type = "cosign container image signature") {
  return nlohmann::json{{"critical",
                         {{"identity", {{"docker-reference", name}}},
                          {"image", {{"docker-manifest-digest", digest}}},
                          {"type", type}}},
                        {"optional", nullptr}}
      .dump();
}

// Over SHA-256, or, for Ed25519, over the payload itself.
inline CosignSignature Sign(const jose::Key& key, const std::string& payload) {
  const EVP_MD* const hash = key.type() == jose::KeyType::kEd25519 ? nullptr : EVP_sha256();
  const jose::MdCtxPtr context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key.get());
  size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, jose::Bytes(payload), payload.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context.get(), jose::Bytes(signature), &size, jose::Bytes(payload), payload.size());
  signature.resize(size);
  return {payload, signature};
}

// The manifest of a signature tag; its payloads go into `blobs`, by digest.
inline std::string SignatureManifest(const std::vector<CosignSignature>& signatures,
                                     std::map<std::string, std::string>* blobs) {
  const auto digest = [](const std::string& data) {
    return Digest::Of(HashAlgorithm::kSha256, data).ToString();
  };
  nlohmann::json layers = nlohmann::json::array();
  for (const CosignSignature& signature : signatures) {
    (*blobs)[digest(signature.payload)] = signature.payload;
    layers.push_back(
        {{"mediaType", "application/vnd.dev.cosign.simplesigning.v1+json"},
         {"digest", digest(signature.payload)},
         {"size", signature.payload.size()},
         {"annotations", {{"dev.cosignproject.cosign/signature", jose::Base64Encode(signature.signature)}}}});
  }
  const std::string config = "{}";
  return nlohmann::json{{"schemaVersion", 2},
                        {"mediaType", kOciManifest},
                        {"config",
                         {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                          {"digest", digest(config)},
                          {"size", config.size()}}},
                        {"layers", layers}}
      .dump();
}

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_COSIGN_H_
