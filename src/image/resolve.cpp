// SPDX-License-Identifier: Apache-2.0
#include "image/resolve.h"

#include <variant>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

absl::StatusOr<Descriptor> Select(const Index& index, const Platform& platform) {
  const IndexEntry* best = nullptr;
  int best_score = 0;
  std::vector<std::string> offered;
  for (const IndexEntry& entry : index.entries) {
    const int score = MatchScore(platform, entry.platform);
    if (score > best_score) {
      best = &entry;
      best_score = score;
    }
    if (!entry.platform.os.empty() && entry.platform.os != "unknown")
      offered.push_back(entry.platform.ToString());
  }
  if (best != nullptr) return best->descriptor;
  return absl::NotFoundError(
      StrCat("the image has no variant for ", platform.ToString(), ", only for ",
             offered.empty() ? "none that is named" : StrJoin(offered, ", ").substr(0, 300)));
}

absl::StatusOr<std::vector<ResolvedLayer>> PairLayers(const Manifest& manifest, const ImageConfig& config) {
  if (manifest.layers.empty()) return absl::FailedPreconditionError("the image has no layers");
  if (manifest.layers.size() != config.diff_ids.size()) {
    return absl::InvalidArgumentError(StrCat("the image has ", manifest.layers.size(),
                                             " layers, but its config names ", config.diff_ids.size(),
                                             " diff ids"));
  }
  std::vector<ResolvedLayer> layers;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& blob = manifest.layers[i];
    const Digest& diff_id = config.diff_ids[i];
    absl::StatusOr<LayerType> type = ParseLayerType(blob.media_type);
    if (!type.ok()) return Annotate(type.status(), StrCat("layer ", blob.digest.ToString()));
    Digest chain = i == 0 ? diff_id
                          : Digest::Of(HashAlgorithm::kSha256,
                                       StrCat(layers.back().chain.ToString(), " ", diff_id.ToString()));
    layers.push_back({blob, *type, diff_id, std::move(chain)});
  }
  return layers;
}

}  // namespace

absl::StatusOr<ResolvedImage> ResolveImage(Registry& registry, const Platform& platform,
                                           std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(Document document, registry.FetchManifest(stop));
  CC_ASSIGN_OR_RETURN(auto parsed, ParseManifest(document.body, document.content_type));
  std::optional<Digest> index_digest;
  if (const Index* index = std::get_if<Index>(&parsed); index != nullptr) {
    index_digest = document.digest;
    CC_ASSIGN_OR_RETURN(const Descriptor selected, Select(*index, platform));
    CC_ASSIGN_OR_RETURN(document, registry.FetchManifest(selected, stop));
    // The index says what type the document has; it must not be another index.
    CC_ASSIGN_OR_RETURN(parsed, ParseManifest(document.body, selected.media_type));
  }
  const Manifest* manifest = std::get_if<Manifest>(&parsed);
  if (manifest == nullptr) return absl::InvalidArgumentError("the image index leads to a further index");

  absl::StatusOr<std::string> config_text = registry.FetchDocument(manifest->config, stop);
  if (!config_text.ok()) {
    return Annotate(config_text.status(), StrCat("image config ", manifest->config.digest.ToString()));
  }
  CC_ASSIGN_OR_RETURN(ImageConfig config, ParseImageConfig(*config_text));
  if (MatchScore(platform, config.platform) == 0) {
    return absl::FailedPreconditionError(
        StrCat("the image is for ", config.platform.ToString(), ", this machine is ", platform.ToString()));
  }
  CC_ASSIGN_OR_RETURN(std::vector<ResolvedLayer> layers, PairLayers(*manifest, config));
  return ResolvedImage{std::move(document.digest), std::move(index_digest), std::move(config),
                       std::move(layers)};
}

}  // namespace cc::image
