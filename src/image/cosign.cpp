// SPDX-License-Identifier: Apache-2.0
#include "image/cosign.h"

#include <openssl/err.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/status.h"
#include "base/strings.h"
#include "image/manifest.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "jose/openssl.h"

namespace cc::image {
namespace {

using nlohmann::json;

constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr char kAnnotation[] = "dev.cosignproject.cosign/signature";
constexpr std::string_view kSignatureType = "cosign container image signature";
// Real payloads have some hundred bytes, and an image some signatures.
constexpr uint64_t kMaxPayload = 64 << 10;
constexpr size_t kMaxSignatures = 64;

bool Verifies(const jose::Key& key, const CosignSignature& signature) {
  const jose::MdCtxPtr context(EVP_MD_CTX_new());
  // Ed25519 hashes by itself.
  const EVP_MD* const hash = key.type() == jose::KeyType::kEd25519 ? nullptr : EVP_sha256();
  const bool verified =
      context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), jose::Bytes(signature.signature), signature.signature.size(),
                       jose::Bytes(signature.payload), signature.payload.size()) == 1;
  ERR_clear_error();
  return verified;
}

struct Claims {
  std::string type, name, digest;
};

absl::StatusOr<json> Member(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) {
    return absl::InvalidArgumentError(StrCat("signed payload: member '", key, "' is no object"));
  }
  return *found;
}

absl::StatusOr<Claims> ParsePayload(const std::string& payload) {
  constexpr std::string_view kWhat = "signed payload";
  CC_ASSIGN_OR_RETURN(const json root, jose::ParseJsonObject(payload, kWhat));
  CC_ASSIGN_OR_RETURN(const json critical, Member(root, "critical"));
  CC_ASSIGN_OR_RETURN(const json identity, Member(critical, "identity"));
  CC_ASSIGN_OR_RETURN(const json image, Member(critical, "image"));
  Claims claims;
  CC_ASSIGN_OR_RETURN(claims.type, jose::StringMember(critical, "type", kWhat));
  CC_ASSIGN_OR_RETURN(claims.name, jose::StringMember(identity, "docker-reference", kWhat));
  CC_ASSIGN_OR_RETURN(claims.digest, jose::StringMember(image, "docker-manifest-digest", kWhat));
  return claims;
}

// Empty when the signature counts, else why it does not.
std::string Objection(const SigstoreRequirement& requirement, const Reference& image,
                      const std::vector<Digest>& digests, const CosignSignature& signature) {
  if (std::none_of(requirement.keys.begin(), requirement.keys.end(),
                   [&](const jose::Key& key) { return Verifies(key, signature); })) {
    return "it was not made with a key of the policy";
  }
  const absl::StatusOr<Claims> claims = ParsePayload(signature.payload);
  if (!claims.ok()) return std::string(MessageOf(claims.status()));
  if (claims->type != kSignatureType) {
    return StrCat("it signs a '", claims->type.substr(0, 64), "', not an image");
  }
  if (std::none_of(digests.begin(), digests.end(),
                   [&](const Digest& digest) { return digest.ToString() == claims->digest; })) {
    return StrCat("it is over another image, ", claims->digest.substr(0, 80));
  }
  if (!requirement.identity.Accepts(image, claims->name)) {
    return StrCat("it names the image '", claims->name.substr(0, 200), "'");
  }
  return "";
}

}  // namespace

std::string CosignTag(const Digest& digest) { return digest.DirName() + ".sig"; }

absl::StatusOr<std::vector<CosignSignature>> FetchCosignSignatures(Registry& signatures,
                                                                   std::stop_token stop) {
  std::vector<CosignSignature> found;
  const absl::StatusOr<Document> document = signatures.FetchManifest(stop);
  if (absl::IsNotFound(document.status())) return found;
  if (!document.ok()) return document.status();
  CC_ASSIGN_OR_RETURN(const auto parsed, ParseManifest(document->body, document->content_type));
  const Manifest* const manifest = std::get_if<Manifest>(&parsed);
  if (manifest == nullptr) return found;
  for (const Descriptor& layer : manifest->layers) {
    const auto annotation = layer.annotations.find(kAnnotation);
    if (layer.media_type != kPayloadType || annotation == layer.annotations.end()) continue;
    if (layer.size > kMaxPayload || found.size() == kMaxSignatures) continue;
    // Some signers break the text into lines.
    std::string text = annotation->second;
    std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
    absl::StatusOr<std::string> signature = jose::Base64Decode(text);
    if (!signature.ok()) continue;
    CC_ASSIGN_OR_RETURN(std::string payload, signatures.FetchDocument(layer, stop));
    found.push_back({std::move(payload), *std::move(signature)});
  }
  return found;
}

absl::Status CheckSigned(const SigstoreRequirement& requirement, const Reference& image,
                         const std::vector<Digest>& digests, const std::vector<CosignSignature>& signatures) {
  std::string objections;
  for (const CosignSignature& signature : signatures) {
    const std::string objection = Objection(requirement, image, digests, signature);
    if (objection.empty()) return absl::OkStatus();
    StrAppend(&objections,
              objections.empty() ? StrCat("none of ", signatures.size(), " found counts: ") : "; ",
              objection);
  }
  if (signatures.empty()) {
    std::vector<std::string> tags;
    for (const Digest& digest : digests) tags.push_back(CosignTag(digest));
    objections = StrCat("there is no signature at ", image.Name(), ":", StrJoin(tags, " or :"));
  }
  return absl::PermissionDeniedError(StrCat("image ", image.ToString(), ": the guest's image policy (",
                                            requirement.scope,
                                            ") wants a signature: ", objections.substr(0, 1000)));
}

}  // namespace cc::image
