// SPDX-License-Identifier: Apache-2.0
#include "owner/image/manifest_edit.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"

namespace cc::owner {
namespace {

// Members keep their order, so that people can compare the documents.
using Json = nlohmann::ordered_json;

constexpr char kOciConfigType[] = "application/vnd.oci.image.config.v1+json";
constexpr char kDockerConfigType[] = "application/vnd.docker.container.image.v1+json";

// Annotations that describe the bytes of a plain layer.
bool IsAboutPlainBytes(std::string_view name) {
  return name.starts_with("containerd.io/snapshot/stargz/") ||
         name.starts_with("io.github.containers.zstd-chunked.") ||
         name.starts_with("org.opencontainers.image.enc.");
}

absl::StatusOr<Json> Parse(std::string_view text, const char* list, size_t minimum) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(list) || !json[list].is_array() || json[list].size() < minimum) {
    return absl::InvalidArgumentError(StrCat("image document: '", list, "' is not the list it must be"));
  }
  return json;
}

void SetDescriptor(const image::Descriptor& descriptor, Json* entry) {
  (*entry)["mediaType"] = descriptor.media_type;
  (*entry)["digest"] = descriptor.digest.ToString();
  (*entry)["size"] = descriptor.size;
  entry->erase("data");
}

void Annotate(const attest::Annotations& added, Json* layer) {
  Json annotations = Json::object();
  if (layer->contains("annotations") && (*layer)["annotations"].is_object()) {
    for (const auto& [name, value] : (*layer)["annotations"].items()) {
      if (!IsAboutPlainBytes(name)) annotations[name] = value;
    }
  }
  for (const auto& [name, value] : added) annotations[name] = value;
  (*layer)["annotations"] = std::move(annotations);
}

}  // namespace

absl::StatusOr<std::string> EncryptedManifest(std::string_view text,
                                              const std::vector<EncryptedLayer>& layers) {
  CC_ASSIGN_OR_RETURN(Json json, Parse(text, "layers", layers.size()));
  if (json["layers"].size() != layers.size()) {
    return absl::InvalidArgumentError("image manifest: its layers are not those that were encrypted");
  }
  json["mediaType"] = kOciManifestType;
  if (json["config"].value("mediaType", "") == kDockerConfigType)
    json["config"]["mediaType"] = kOciConfigType;
  for (size_t i = 0; i < layers.size(); ++i) {
    Json& layer = json["layers"][i];
    SetDescriptor(layers[i].descriptor, &layer);
    layer.erase("urls");
    Annotate(layers[i].annotations, &layer);
  }
  return json.dump();
}

absl::StatusOr<std::string> EncryptedIndex(std::string_view text, const std::vector<size_t>& positions,
                                           const std::vector<image::Descriptor>& manifests) {
  const size_t minimum = positions.empty() ? 0 : positions.back() + 1;
  CC_ASSIGN_OR_RETURN(Json json, Parse(text, "manifests", minimum));
  json["mediaType"] = kOciIndexType;
  Json kept = Json::array();
  for (size_t i = 0; i < positions.size(); ++i) {
    Json entry = json["manifests"][positions[i]];
    SetDescriptor(manifests[i], &entry);
    kept.push_back(std::move(entry));
  }
  json["manifests"] = std::move(kept);
  return json.dump();
}

}  // namespace cc::owner
