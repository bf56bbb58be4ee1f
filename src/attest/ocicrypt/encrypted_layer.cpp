// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/encrypted_layer.h"

#include <vector>

#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/layer_options.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"

namespace cc::attest {
namespace {

constexpr size_t kMaxAnnotation = 128 << 10;
constexpr size_t kMaxPackets = 16;

absl::StatusOr<std::string_view> FindPackets(const Annotations& annotations) {
  const auto ours = annotations.find(StrCat(kKeyProviderPrefix, kKeyProvider));
  if (ours != annotations.end()) return ours->second;
  // The name is the encryptor's choice of a configuration entry; upstream's decryption ignores it too.
  const auto any = annotations.lower_bound(std::string(kKeyProviderPrefix));
  if (any != annotations.end() && any->first.starts_with(kKeyProviderPrefix)) return any->second;
  const auto other = annotations.lower_bound("org.opencontainers.image.enc.keys.");
  if (other != annotations.end() && other->first.starts_with("org.opencontainers.image.enc.keys.")) {
    return absl::UnimplementedError(StrCat("encrypted layer: its key is given by ", other->first,
                                           ", but only a key provider can be used; encrypt it with "
                                           "`ccctl image encrypt`"));
  }
  return absl::InvalidArgumentError(
      StrCat("encrypted layer: no annotation ", kKeyProviderPrefix, kKeyProvider));
}

absl::StatusOr<KeyUnwrapper::Result> UnwrapFirst(std::string_view packets, KeyUnwrapper& unwrapper) {
  if (packets.size() > kMaxAnnotation)
    return absl::InvalidArgumentError("encrypted layer: key packets too long");
  const std::vector<std::string_view> pieces = StrSplit(packets, ',');
  if (pieces.size() > kMaxPackets) {
    return absl::InvalidArgumentError(StrCat("encrypted layer: more than ", kMaxPackets, " key packets"));
  }
  absl::Status failure;
  for (const std::string_view piece : pieces) {
    absl::StatusOr<std::string> packet = jose::Base64Decode(piece);
    absl::StatusOr<KeyUnwrapper::Result> result =
        packet.ok() ? unwrapper.UnwrapKey(*packet)
                    : absl::InvalidArgumentError("encrypted layer: a key packet is no base64");
    if (result.ok()) return result;
    failure = failure.ok() ? result.status()
                           : absl::Status(failure.code(), StrCat(MessageOf(failure),
                                                                 "; next key: ", MessageOf(result.status())));
  }
  return failure;
}

}  // namespace

absl::StatusOr<KeyUnwrapper::Result> KbsKeyUnwrapper::UnwrapKey(std::string_view packet) {
  CC_ASSIGN_OR_RETURN(const AnnotationPacket parsed, ParseAnnotationPacket(packet));
  CC_ASSIGN_OR_RETURN(SecretBytes options, UnwrapPacket(parsed, keys_));
  return Result{.options = std::move(options), .authenticated = parsed.wrap_type == WrapType::kA256Gcm};
}

absl::StatusOr<LayerSecrets> OpenLayer(const Annotations& annotations, KeyUnwrapper& unwrapper) {
  CC_ASSIGN_OR_RETURN(const std::string_view packets, FindPackets(annotations));
  const auto text = annotations.find(std::string(kPublicOptionsAnnotation));
  if (text == annotations.end()) {
    return absl::InvalidArgumentError(StrCat("encrypted layer: no annotation ", kPublicOptionsAnnotation,
                                             ", so no HMAC to check the layer with"));
  }
  absl::StatusOr<std::string> json = jose::Base64Decode(text->second);
  if (!json.ok()) return absl::InvalidArgumentError("encrypted layer: the public options are no base64");
  // Before any key is asked for: a host must not make us fetch one for a layer that cannot be right.
  CC_ASSIGN_OR_RETURN(PublicLayerOptions open, ParsePublicLayerOptions(*json));
  CC_ASSIGN_OR_RETURN(const KeyUnwrapper::Result unwrapped, UnwrapFirst(packets, unwrapper));
  absl::StatusOr<PrivateLayerOptions> options = ParsePrivateLayerOptions(unwrapped.options.view());
  if (!options.ok() && !unwrapped.authenticated) {
    // Without authentication a wrong key gives noise, and a parser's complaint about noise helps nobody.
    return absl::PermissionDeniedError(
        "encrypted layer: wrong key or tampered data: what the key opens are no options of a layer");
  }
  CC_ASSIGN_OR_RETURN(PrivateLayerOptions hidden, std::move(options));

  LayerSecrets secrets{
      .key = std::move(hidden.key), .nonce = hidden.nonce, .hmac = std::move(open.hmac), .plain_digest = {}};
  // The HMAC does not cover the nonce. One from the public options, or out of a wrapping that can be forged,
  // is accepted only where the digest of the plaintext proves it.
  const bool nonce_is_safe = unwrapped.authenticated && !hidden.nonce.empty();
  if (!hidden.nonce.empty() && !open.nonce.empty() && hidden.nonce != open.nonce) {
    return absl::PermissionDeniedError("encrypted layer: public and private options name different nonces");
  }
  if (secrets.nonce.empty()) secrets.nonce = open.nonce;
  if (secrets.nonce.empty()) return absl::InvalidArgumentError("encrypted layer: its options name no nonce");
  if (!nonce_is_safe) {
    if (hidden.digest.empty()) {
      return absl::PermissionDeniedError(
          "encrypted layer: its nonce is not authenticated, and its options have no digest to check it by");
    }
    secrets.plain_digest = ToLower(hidden.digest);
  }
  return secrets;
}

absl::StatusOr<Annotations> SealLayer(const LayerSecrets& secrets, const ResourceUri& kid,
                                      std::string_view kek, WrapType type) {
  const SecretBytes hidden = ToJson(PrivateLayerOptions{.key = SecretBytes::CopyOf(secrets.key.view()),
                                                        .nonce = secrets.nonce,
                                                        .digest = secrets.plain_digest});
  CC_ASSIGN_OR_RETURN(const AnnotationPacket packet, WrapPacket(kid, kek, type, hidden.view()));
  return Annotations{{StrCat(kKeyProviderPrefix, kKeyProvider), jose::Base64Encode(ToJson(packet))},
                     {std::string(kPublicOptionsAnnotation),
                      jose::Base64Encode(ToJson(PublicLayerOptions{.hmac = secrets.hmac, .nonce = {}}))}};
}

absl::StatusOr<std::string> EncryptedMediaType(std::string_view plain) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar"},
      {"application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+gzip"},
      {"application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.v1.tar+zstd"},
      {"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar"},
      {"application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip"},
      {"application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.oci.image.layer.v1.tar+zstd"},
  };
  for (const auto& [from, to] : kTypes) {
    if (plain == from) return StrCat(to, kEncryptedSuffix);
  }
  return absl::InvalidArgumentError(StrCat("encrypt an image: a layer has the media type '",
                                           plain.substr(0, 128), "', which is no plain layer's"));
}

}  // namespace cc::attest
