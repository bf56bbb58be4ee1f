// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/annotation_packet.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"

namespace cc::attest {
namespace {

constexpr std::string_view kWhat = "key packet of the encrypted layer";
constexpr size_t kMaxJson = 32 << 10;

absl::StatusOr<std::string> Base64Member(const nlohmann::json& object, const std::string& key) {
  CC_ASSIGN_OR_RETURN(const std::string text, jose::StringMember(object, key, kWhat));
  absl::StatusOr<std::string> bytes = jose::Base64Decode(text);
  if (!bytes.ok()) return absl::InvalidArgumentError(StrCat(kWhat, ": '", key, "' is no base64"));
  return bytes;
}

absl::StatusOr<std::string> StringOr(const nlohmann::json& object, const std::string& key,
                                     std::string_view fallback) {
  if (!object.contains(key)) return std::string(fallback);
  return jose::StringMember(object, key, kWhat);
}

}  // namespace

absl::StatusOr<AnnotationPacket> ParseAnnotationPacket(std::string_view json) {
  if (json.size() > kMaxJson)
    return absl::InvalidArgumentError(StrCat(kWhat, ": longer than ", kMaxJson, " bytes"));
  CC_ASSIGN_OR_RETURN(const nlohmann::json object, jose::ParseJsonObject(json, kWhat));
  CC_ASSIGN_OR_RETURN(const std::string version, StringOr(object, "version", "0.1.0"));
  if (version != "0.1.0") {
    return absl::InvalidArgumentError(
        StrCat(kWhat, ": version '", version.substr(0, 32), "', expected 0.1.0"));
  }
  CC_ASSIGN_OR_RETURN(const std::string provider, StringOr(object, "provider", "kbs"));
  if (provider != "kbs") {
    return absl::UnimplementedError(
        StrCat(kWhat, ": key provider '", provider.substr(0, 32), "' is not supported, only kbs"));
  }
  AnnotationPacket packet;
  CC_ASSIGN_OR_RETURN(const std::string kid, jose::StringMember(object, "kid", kWhat));
  absl::StatusOr<ResourceUri> uri = ResourceUri::Parse(kid);
  // coco_keyprovider without a keyid writes a bare path.
  if (!uri.ok() && kid.starts_with('/')) uri = ResourceUri::FromPath(kid);
  if (!uri.ok()) return Annotate(uri.status(), StrCat(kWhat, ": 'kid'"));
  packet.kid = *std::move(uri);
  CC_ASSIGN_OR_RETURN(const std::string wrap_type, jose::StringMember(object, "wrap_type", kWhat));
  CC_ASSIGN_OR_RETURN(packet.wrap_type, ParseWrapType(wrap_type));
  CC_ASSIGN_OR_RETURN(packet.iv, Base64Member(object, "iv"));
  CC_ASSIGN_OR_RETURN(packet.wrapped_data, Base64Member(object, "wrapped_data"));
  if (packet.iv.size() != WrapIvSize(packet.wrap_type)) {
    return absl::InvalidArgumentError(StrCat(kWhat, ": 'iv' has ", packet.iv.size(), " bytes, must have ",
                                             WrapIvSize(packet.wrap_type), " for ", wrap_type));
  }
  return packet;
}

std::string ToJson(const AnnotationPacket& packet) {
  return nlohmann::ordered_json{{"kid", packet.kid.ToString()},
                                {"wrapped_data", jose::Base64Encode(packet.wrapped_data)},
                                {"iv", jose::Base64Encode(packet.iv)},
                                {"wrap_type", WrapTypeName(packet.wrap_type)}}
      .dump();
}

absl::StatusOr<SecretBytes> UnwrapPacket(const AnnotationPacket& packet, ResourceSource& keys) {
  CC_ASSIGN_OR_RETURN(const SecretBytes kek, keys.Get(packet.kid));
  absl::StatusOr<SecretBytes> data = Unwrap(packet.wrap_type, kek.view(), packet.iv, packet.wrapped_data);
  if (!data.ok()) return Annotate(data.status(), StrCat("unwrap the layer key with ", packet.kid.ToString()));
  return data;
}

absl::StatusOr<AnnotationPacket> WrapPacket(const ResourceUri& kid, std::string_view kek, WrapType type,
                                            std::string_view data) {
  AnnotationPacket packet{
      .kid = kid, .wrapped_data = {}, .iv = jose::RandomBytes(WrapIvSize(type)), .wrap_type = type};
  CC_ASSIGN_OR_RETURN(packet.wrapped_data, Wrap(type, kek, packet.iv, data));
  return packet;
}

}  // namespace cc::attest
