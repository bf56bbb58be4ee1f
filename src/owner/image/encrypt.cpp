// SPDX-License-Identifier: Apache-2.0
#include "owner/image/encrypt.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <variant>

#include "attest/ocicrypt/encrypted_layer.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "image/push.h"
#include "owner/image/layer_job.h"
#include "owner/image/manifest_edit.h"

namespace cc::owner {
namespace {

constexpr size_t kWorkerStack = 1 << 20;

// One image of the source.
struct Part {
  image::Document document;
  image::Manifest manifest;
  std::string platform;
  size_t position = 0;  // in the index
};

struct Plan {
  image::Document root;
  bool index = false;  // the destination gets one
  std::vector<Part> parts;
  std::vector<std::string> left_out;
};

absl::Status CheckLayers(const image::Manifest& manifest) {
  if (manifest.layers.empty()) return absl::InvalidArgumentError("the image has no layers to encrypt");
  for (const image::Descriptor& layer : manifest.layers) {
    if (layer.media_type.ends_with(attest::kEncryptedSuffix)) {
      return absl::FailedPreconditionError(
          StrCat("layer ", layer.digest.ToString(), " is encrypted already; give the plain image as SRC"));
    }
    CC_RETURN_IF_ERROR(attest::EncryptedMediaType(layer.media_type).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<Part> ReadPart(image::Document document, std::string platform, size_t position) {
  CC_ASSIGN_OR_RETURN(auto parsed, image::ParseManifest(document.body, document.content_type));
  if (!std::holds_alternative<image::Manifest>(parsed)) {
    return absl::UnimplementedError("an image index within an image index is not supported");
  }
  Part part{std::move(document), std::get<image::Manifest>(std::move(parsed)), std::move(platform), position};
  CC_RETURN_IF_ERROR(CheckLayers(part.manifest));
  return part;
}

// The positions of the index's entries that are images: all of them, or the best for a platform.
absl::StatusOr<std::vector<size_t>> Choose(const image::Index& index,
                                           const std::optional<image::Platform>& platform,
                                           std::vector<std::string>* left_out) {
  std::vector<size_t> chosen;
  std::vector<std::string> offered;
  int best = 0;
  for (size_t i = 0; i < index.entries.size(); ++i) {
    const image::IndexEntry& entry = index.entries[i];
    // Builders store attestations about an image as entries that run nowhere. They speak of the plain image.
    if (entry.platform.os == "unknown") {
      left_out->push_back(entry.descriptor.digest.ToString());
      continue;
    }
    offered.push_back(entry.platform.ToString());
    if (!platform) {
      chosen.push_back(i);
    } else if (const int score = image::MatchScore(*platform, entry.platform); score > best) {
      best = score;
      chosen = {i};
    }
  }
  if (!chosen.empty()) return chosen;
  return absl::NotFoundError(StrCat("the image has nothing for ",
                                    platform ? platform->ToString() : "anything", "; it offers ",
                                    offered.empty() ? "nothing" : StrJoin(offered, ", ")));
}

absl::StatusOr<Plan> MakePlan(ImageSource& source, const std::optional<image::Platform>& platform,
                              const std::stop_token& stop) {
  CC_ASSIGN_OR_RETURN(image::Document root, source.Root(stop));
  CC_ASSIGN_OR_RETURN(const auto parsed, image::ParseManifest(root.body, root.content_type));
  Plan plan{root, false, {}, {}};
  const auto* index = std::get_if<image::Index>(&parsed);
  if (index == nullptr) {
    CC_ASSIGN_OR_RETURN(Part part, ReadPart(std::move(root), "", 0));
    plan.parts.push_back(std::move(part));
    return plan;
  }
  plan.index = !platform.has_value();
  CC_ASSIGN_OR_RETURN(const std::vector<size_t> chosen, Choose(*index, platform, &plan.left_out));
  for (const size_t position : chosen) {
    const image::IndexEntry& entry = index->entries[position];
    const std::string name = entry.platform.os.empty() ? "" : entry.platform.ToString();
    CC_ASSIGN_OR_RETURN(image::Document document, source.Manifest(entry.descriptor, stop));
    absl::StatusOr<Part> part = ReadPart(std::move(document), name, position);
    if (!part.ok()) return Annotate(part.status(), StrCat("image for ", name));
    plan.parts.push_back(*std::move(part));
  }
  return plan;
}

// Encrypts layers side by side; the first failure stops the others.
class LayerWork {
 public:
  LayerWork(ImageSource& source, ImageDestination& destination, const EncryptRequest& request,
            const Plan& plan)
      : source_(source), destination_(destination), request_(request) {
    for (const Part& part : plan.parts) {
      for (const image::Descriptor& layer : part.manifest.layers) {
        if (!done_.emplace(layer.digest, std::nullopt).second) continue;
        queue_.push_back(layer);
        progress_.bytes += layer.size;
      }
    }
    progress_.layers = queue_.size();
  }

  absl::Status Run(const std::stop_token& stop) {
    const std::stop_callback forward(stop, [this] { failed_.request_stop(); });
    std::vector<Thread> workers;
    const size_t count = std::clamp<size_t>(request_.parallel, 1, std::max<size_t>(queue_.size(), 1));
    for (size_t i = 0; i < count; ++i) {
      absl::StatusOr<Thread> worker = Thread::Start(
          "encrypt", [this] { Work(); }, kWorkerStack);
      if (!worker.ok() && workers.empty()) return worker.status();
      if (worker.ok()) workers.push_back(*std::move(worker));
    }
    workers.clear();  // joins
    return status_;
  }

  const EncryptedLayer& Result(const image::Digest& plain) const { return *done_.at(plain); }
  uint64_t bytes() const { return progress_.bytes; }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (status_.ok() && next_ < queue_.size()) {
      const image::Descriptor& layer = queue_[next_++];
      lock.unlock();
      absl::StatusOr<EncryptedLayer> result = EncryptOneLayer(
          layer, source_, destination_, request_, [this](uint64_t bytes) { Advance(0, bytes); },
          failed_.get_token());
      lock.lock();
      if (result.ok()) {
        done_.at(layer.digest) = *std::move(result);
        lock.unlock();
        Advance(1, 0);
        lock.lock();
      } else if (status_.ok()) {
        status_ = result.status();
        lock.unlock();
        failed_.request_stop();
        lock.lock();
      }
    }
  }

  void Advance(size_t layers, uint64_t bytes) {
    const std::lock_guard lock(progress_mutex_);
    progress_.layers_done += layers;
    progress_.bytes_done += bytes;
    if (request_.progress) request_.progress(progress_);
  }

  ImageSource& source_;
  ImageDestination& destination_;
  const EncryptRequest& request_;
  std::stop_source failed_;
  std::mutex mutex_;
  std::vector<image::Descriptor> queue_;
  size_t next_ = 0;
  std::map<image::Digest, std::optional<EncryptedLayer>> done_;  // by the digest of the plain layer
  absl::Status status_;
  std::mutex progress_mutex_;
  EncryptProgress progress_;
};

absl::Status CopyConfig(const image::Descriptor& config, ImageSource& source, ImageDestination& destination,
                        const std::stop_token& stop) {
  std::string text;
  CC_RETURN_IF_ERROR(source.Blob(
      config,
      [&text](std::string_view data) {
        text.append(data);
        return absl::OkStatus();
      },
      stop));
  return destination.PutBlob(config, image::TextBody(text), stop);
}

image::Descriptor Describe(std::string media_type, const std::string& json) {
  return {std::move(media_type), image::Digest::Of(image::HashAlgorithm::kSha256, json), json.size()};
}

// Writes the image's configuration and gives its new manifest.
absl::StatusOr<std::string> FinishPart(const Part& part, const LayerWork& work, ImageSource& source,
                                       ImageDestination& destination, const std::stop_token& stop) {
  CC_RETURN_IF_ERROR(CopyConfig(part.manifest.config, source, destination, stop));
  std::vector<EncryptedLayer> layers;
  for (const image::Descriptor& layer : part.manifest.layers) layers.push_back(work.Result(layer.digest));
  return EncryptedManifest(part.document.body, layers);
}

}  // namespace

absl::StatusOr<EncryptReport> EncryptImage(ImageSource& source, ImageDestination& destination,
                                           const EncryptRequest& request, std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const Plan plan, MakePlan(source, request.platform, stop));
  LayerWork work(source, destination, request, plan);
  CC_RETURN_IF_ERROR(work.Run(stop));

  EncryptReport report{{}, {}, plan.left_out, work.bytes()};
  std::vector<size_t> positions;
  std::vector<image::Descriptor> manifests;
  std::string root;
  for (const Part& part : plan.parts) {
    CC_ASSIGN_OR_RETURN(std::string json, FinishPart(part, work, source, destination, stop));
    manifests.push_back(Describe(kOciManifestType, json));
    positions.push_back(part.position);
    if (plan.index) CC_RETURN_IF_ERROR(destination.PutManifest(manifests.back(), json, stop));
    report.images.push_back({part.platform, manifests.back().digest.ToString(), part.manifest.layers.size()});
    root = std::move(json);
  }
  image::Descriptor descriptor = manifests.back();
  if (plan.index) {
    CC_ASSIGN_OR_RETURN(root, EncryptedIndex(plan.root.body, positions, manifests));
    descriptor = Describe(kOciIndexType, root);
  }
  CC_RETURN_IF_ERROR(destination.PutRoot(descriptor, root, stop));
  report.digest = descriptor.digest.ToString();
  return report;
}

}  // namespace cc::owner
