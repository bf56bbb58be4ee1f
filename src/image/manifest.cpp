// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "image/media_type.h"

namespace cc::image {
namespace {

using Json = nlohmann::json;

absl::Status Bad(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

// Deeply nested JSON would recurse in whoever destroys or walks it; real documents have about six levels.
absl::StatusOr<Json> ParseObject(std::string_view text, std::string_view what) {
  if (text.size() > kMaxDocumentSize) {
    return absl::ResourceExhaustedError(StrCat(what, " is larger than ", kMaxDocumentSize, " bytes"));
  }
  constexpr int kMaxDepth = 32;
  bool too_deep = false;
  const auto limit = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json json = Json::parse(text.begin(), text.end(), limit, /*allow_exceptions=*/false);
  if (too_deep || json.is_discarded() || !json.is_object()) {
    return Bad(StrCat(what, " is not a JSON object"));
  }
  return json;
}

const Json* Find(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

absl::Status ReadString(const Json& object, const char* key, std::string* out) {
  const Json* value = Find(object, key);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_string()) return Bad(StrCat("'", key, "' is not a string"));
  *out = value->get<std::string>();
  if (out->find('\0') != std::string::npos) return Bad(StrCat("'", key, "' contains a NUL byte"));
  return absl::OkStatus();
}

absl::Status ReadStrings(const Json& object, const char* key, std::vector<std::string>* out) {
  const Json* value = Find(object, key);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_array()) return Bad(StrCat("'", key, "' is not a list"));
  for (const Json& item : *value) {
    if (!item.is_string()) return Bad(StrCat("'", key, "' holds something that is no string"));
    out->push_back(item.get<std::string>());
    if (out->back().find('\0') != std::string::npos) return Bad(StrCat("'", key, "' contains a NUL byte"));
  }
  return absl::OkStatus();
}

absl::Status ReadAnnotations(const Json& object, std::map<std::string, std::string>* out) {
  const Json* value = Find(object, "annotations");
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_object()) return Bad("'annotations' is not an object");
  for (const auto& [key, text] : value->items()) {
    if (!text.is_string()) return Bad(StrCat("annotation '", key, "' is not a string"));
    out->emplace(key, text.get<std::string>());
  }
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> ReadDescriptor(const Json& json) {
  if (!json.is_object()) return Bad("a descriptor is not an object");
  std::string media_type, digest_text;
  CC_RETURN_IF_ERROR(ReadString(json, "mediaType", &media_type));
  CC_RETURN_IF_ERROR(ReadString(json, "digest", &digest_text));
  CC_ASSIGN_OR_RETURN(Digest digest, Digest::Parse(digest_text));
  const Json* size = Find(json, "size");
  if (size == nullptr || !size->is_number_integer() ||
      (!size->is_number_unsigned() && size->get<int64_t>() < 0) || size->get<uint64_t>() > kMaxBlobSize) {
    return Bad(StrCat("descriptor ", digest_text, " has no valid size"));
  }
  Descriptor descriptor{std::move(media_type), std::move(digest), size->get<uint64_t>()};
  CC_RETURN_IF_ERROR(ReadAnnotations(json, &descriptor.annotations));
  return descriptor;
}

absl::StatusOr<Platform> ReadPlatform(const Json& json) {
  Platform platform;
  CC_RETURN_IF_ERROR(ReadString(json, "os", &platform.os));
  CC_RETURN_IF_ERROR(ReadString(json, "architecture", &platform.architecture));
  CC_RETURN_IF_ERROR(ReadString(json, "variant", &platform.variant));
  return platform;
}

absl::StatusOr<Index> ReadIndex(const Json& json) {
  Index index;
  const Json* manifests = Find(json, "manifests");
  if (manifests == nullptr || !manifests->is_array()) return Bad("image index has no list of manifests");
  for (const Json& item : *manifests) {
    CC_ASSIGN_OR_RETURN(Descriptor descriptor, ReadDescriptor(item));
    Platform platform;
    if (const Json* value = Find(item, "platform"); value != nullptr) {
      if (!value->is_object()) return Bad("a platform is not an object");
      CC_ASSIGN_OR_RETURN(platform, ReadPlatform(*value));
    }
    index.entries.push_back({std::move(descriptor), std::move(platform)});
  }
  return index;
}

absl::StatusOr<Manifest> ReadManifest(const Json& json) {
  const Json* config = Find(json, "config");
  if (config == nullptr) return Bad("image manifest has no config");
  CC_ASSIGN_OR_RETURN(Descriptor config_descriptor, ReadDescriptor(*config));
  Manifest manifest{std::move(config_descriptor), {}};
  if (manifest.config.size > kMaxDocumentSize) {
    return absl::ResourceExhaustedError(StrCat("image config is larger than ", kMaxDocumentSize, " bytes"));
  }
  const Json* layers = Find(json, "layers");
  if (layers == nullptr || !layers->is_array()) return Bad("image manifest has no list of layers");
  if (layers->size() > kMaxLayers) return Bad(StrCat("image has more than ", kMaxLayers, " layers"));
  for (const Json& item : *layers) {
    CC_ASSIGN_OR_RETURN(Descriptor layer, ReadDescriptor(item));
    manifest.layers.push_back(std::move(layer));
  }
  return manifest;
}

}  // namespace

absl::StatusOr<std::variant<Index, Manifest>> ParseManifest(std::string_view text,
                                                            std::string_view content_type) {
  CC_ASSIGN_OR_RETURN(Json json, ParseObject(text, "manifest"));
  const Json* version = Find(json, "schemaVersion");
  if (version != nullptr && version->is_number_integer() && version->get<int64_t>() == 1) {
    return absl::UnimplementedError(
        "the image uses Docker manifest schema 1, which has no layer digests to verify; push it again with a "
        "current tool");
  }
  // One document must not read as an index to one client and as a manifest to another.
  const bool has_manifests = Find(json, "manifests") != nullptr;
  if (has_manifests && (Find(json, "layers") != nullptr || Find(json, "config") != nullptr)) {
    return Bad("document is an image index and an image manifest at once");
  }
  std::string media_type;
  CC_RETURN_IF_ERROR(ReadString(json, "mediaType", &media_type));
  if (media_type.empty()) media_type = std::string(StrTrim(SplitOnce(content_type, ';').first));
  if (IsIndexType(media_type) || (has_manifests && !IsManifestType(media_type))) {
    CC_ASSIGN_OR_RETURN(Index index, ReadIndex(json));
    return std::variant<Index, Manifest>(std::move(index));
  }
  CC_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(json));
  return std::variant<Index, Manifest>(std::move(manifest));
}

absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view text) {
  CC_ASSIGN_OR_RETURN(Json json, ParseObject(text, "image config"));
  ImageConfig config;
  CC_ASSIGN_OR_RETURN(config.platform, ReadPlatform(json));
  const Json* rootfs = Find(json, "rootfs");
  if (rootfs == nullptr || !rootfs->is_object()) return Bad("image config has no rootfs");
  std::vector<std::string> diff_ids;
  CC_RETURN_IF_ERROR(ReadStrings(*rootfs, "diff_ids", &diff_ids));
  for (const std::string& diff_id : diff_ids) {
    CC_ASSIGN_OR_RETURN(Digest digest, Digest::Parse(diff_id));
    config.diff_ids.push_back(std::move(digest));
  }
  if (const Json* process = Find(json, "config"); process != nullptr) {
    if (!process->is_object()) return Bad("'config' of the image config is not an object");
    CC_RETURN_IF_ERROR(ReadString(*process, "User", &config.user));
    CC_RETURN_IF_ERROR(ReadString(*process, "WorkingDir", &config.working_dir));
    CC_RETURN_IF_ERROR(ReadStrings(*process, "Env", &config.env));
    CC_RETURN_IF_ERROR(ReadStrings(*process, "Entrypoint", &config.entrypoint));
    CC_RETURN_IF_ERROR(ReadStrings(*process, "Cmd", &config.cmd));
  }
  return config;
}

}  // namespace cc::image
