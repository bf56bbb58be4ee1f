// SPDX-License-Identifier: Apache-2.0
#include "image/puller.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/beneath.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/cosign.h"
#include "image/layer_pull.h"
#include "image/pull_progress.h"
#include "image/runtime_spec.h"
#include "image/user.h"

namespace cc::image {
namespace {

absl::Status CheckDecryption(const ResolvedImage& image, const PullerOptions& options) {
  if (options.decrypt) return absl::OkStatus();
  for (const ResolvedLayer& layer : image.layers) {
    if (layer.type.encrypted) {
      return absl::FailedPreconditionError(
          StrCat("layer ", layer.blob.digest.ToString(),
                 " is encrypted, and this guest has no key broker to get its key from; set "
                 "attestation.kbs_url in the runtime's configuration"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Puller::Puller(PullerOptions options, std::unique_ptr<LayerStore> layers,
               std::unique_ptr<ContainerStore> containers)
    : options_(std::move(options)), layers_(std::move(layers)), containers_(std::move(containers)) {}

absl::StatusOr<std::unique_ptr<Puller>> Puller::Create(PullerOptions options) {
  CC_ASSIGN_OR_RETURN(std::unique_ptr<LayerStore> layers, LayerStore::Open(options.store));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<ContainerStore> containers, ContainerStore::Open(layers->root_fd()));
  while (options.bundle_root.size() > 1 && options.bundle_root.back() == '/') options.bundle_root.pop_back();
  return std::unique_ptr<Puller>(new Puller(std::move(options), std::move(layers), std::move(containers)));
}

absl::StatusOr<std::shared_ptr<const Puller::Access>> Puller::GetAccess() {
  {
    const std::lock_guard lock(access_mutex_);
    if (access_ != nullptr) return access_;
  }
  // Without the lock: a key broker that is slow must not hold up a pull that somebody else's answer would let
  // go on. Of two pulls that ask at once the first answer is kept.
  CC_ASSIGN_OR_RETURN(PullSettings settings, options_.settings());
  HttpOptions http = options_.http;
  http.plain_http_hosts.merge(settings.registries.PlainHttpHosts());
  CC_ASSIGN_OR_RETURN(std::shared_ptr<HttpClient> client, HttpClient::Create(std::move(http)));
  auto access = std::make_shared<const Access>(Access{std::move(settings), std::move(client)});
  const std::lock_guard lock(access_mutex_);
  if (access_ == nullptr) access_ = std::move(access);
  return access_;
}

// The bundle's path below the bundle root, in its plainest form.
absl::StatusOr<std::string> Puller::RelativeBundle(std::string_view bundle) const {
  const absl::Status bad = absl::InvalidArgumentError(
      StrCat("bundle path '", bundle.substr(0, 300), "' is not a plain path beneath ", options_.bundle_root));
  if (!bundle.starts_with(options_.bundle_root + "/") || bundle.size() > 1024) return bad;
  std::string_view relative = bundle.substr(options_.bundle_root.size() + 1);
  while (relative.ends_with("/")) relative.remove_suffix(1);
  if (relative.find('\0') != std::string_view::npos) return bad;
  for (std::string_view component : StrSplit(relative, '/')) {
    if (component.empty() || component == "." || component == "..") return bad;
  }
  // The store itself may lie beneath the bundle root.
  const std::string full = StrCat(options_.bundle_root, "/", relative, "/");
  if (full.starts_with(options_.store + "/")) return bad;
  return std::string(relative);
}

absl::StatusOr<PullResult> Puller::Pull(std::string_view image, std::string_view bundle,
                                        std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const Reference reference, Reference::Parse(image));
  absl::StatusOr<PullResult> result = PullImage(image, bundle, stop);
  if (result.ok()) return result;
  const absl::Status status = Annotate(result.status(), StrCat("pull ", reference.ToString()));
  log::Error("pull failed",
             {{"image", reference.ToString()}, {"bundle", bundle.substr(0, 300)}, {"cause", status}});
  return status;
}

absl::StatusOr<Puller::Found> Puller::Find(std::string_view image, std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const Reference written, Reference::Parse(image));
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<const Access> access, GetAccess());
  CC_ASSIGN_OR_RETURN(const std::vector<SigstoreRequirement> signatures,
                      access->settings.policy.Judge(written));
  CC_ASSIGN_OR_RETURN(const std::vector<Reference> places, access->settings.registries.Places(image));
  absl::Status failure;
  for (const Reference& place : places) {
    absl::StatusOr<Found> found = FindAt(*access, place, stop);
    absl::Status status = found.status();
    if (found.ok()) status = CheckSignatures(*access, written, *found, signatures, stop);
    if (status.ok()) return found;
    if (places.size() == 1 || stop.stop_requested()) return status;
    failure = absl::Status(status.code(), StrCat(failure.ok() ? "" : StrCat(MessageOf(failure), "; "), "at ",
                                                 place.registry, ": ", MessageOf(status)));
  }
  return failure;
}

absl::StatusOr<Puller::Found> Puller::FindAt(const Access& access, const Reference& place,
                                             std::stop_token stop) const {
  auto registry =
      std::make_unique<Registry>(access.http, place, access.settings.credentials.Find(place), options_.retry);
  CC_ASSIGN_OR_RETURN(ResolvedImage resolved, ResolveImage(*registry, options_.platform, stop));
  return Found{place, std::move(registry), std::move(resolved)};
}

// Nothing of the image has been fetched yet but what says which image it is.
absl::Status Puller::CheckSignatures(const Access& access, const Reference& wanted, const Found& found,
                                     const std::vector<SigstoreRequirement>& requirements,
                                     std::stop_token stop) const {
  if (requirements.empty()) return absl::OkStatus();
  std::vector<Digest> digests{found.image.manifest_digest};
  if (found.image.index_digest.has_value()) digests.insert(digests.begin(), *found.image.index_digest);
  std::vector<CosignSignature> signatures;
  for (const Digest& digest : digests) {
    Reference place = found.place;
    place.digest.reset();
    place.tag = CosignTag(digest);
    Registry registry(access.http, place, access.settings.credentials.Find(place), options_.retry);
    absl::StatusOr<std::vector<CosignSignature>> more = FetchCosignSignatures(registry, stop);
    if (!more.ok()) return Annotate(more.status(), StrCat("signatures of ", digest.ToString()));
    signatures.insert(signatures.end(), more->begin(), more->end());
  }
  for (const SigstoreRequirement& requirement : requirements) {
    CC_RETURN_IF_ERROR(CheckSigned(requirement, wanted, digests, signatures));
  }
  log::Info("image signature verified",
            {{"image", wanted.ToString()}, {"manifest", found.image.manifest_digest.ToString()}});
  return absl::OkStatus();
}

absl::StatusOr<PullResult> Puller::PullImage(std::string_view image_name, std::string_view bundle,
                                             std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const std::string relative, RelativeBundle(bundle));
  CC_ASSIGN_OR_RETURN(const Found found, Find(image_name, stop));
  const ResolvedImage& image = found.image;
  CC_RETURN_IF_ERROR(CheckDecryption(image, options_));
  CC_ASSIGN_OR_RETURN(const std::vector<UniqueFd> layers,
                      PullLayers(*found.registry, image, found.place, stop));

  const std::string path = StrCat(options_.bundle_root, "/", relative);
  // From the root each time: upstream's agent removes and makes the bundle root anew for each sandbox.
  CC_ASSIGN_OR_RETURN(const UniqueFd slash, OpenFile("/", O_PATH | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(const UniqueFd bundle_fd, MakeDirsBeneath(slash.get(), path, 0755));
  CC_ASSIGN_OR_RETURN(const UniqueFd rootfs, containers_->Mount(path, bundle_fd.get(), layers));
  if (absl::Status status = WriteConfig(bundle_fd.get(), rootfs, image.config); !status.ok()) {
    if (absl::Status released = containers_->Release(path); !released.ok()) {
      log::Warning("a failed bundle could not be removed", {{"bundle", path}, {"cause", released}});
    }
    return status;
  }
  return PullResult{image.manifest_digest};
}

absl::StatusOr<std::vector<UniqueFd>> Puller::PullLayers(Registry& registry, const ResolvedImage& image,
                                                         const Reference& reference, std::stop_token stop) {
  uint64_t total = 0;
  for (const ResolvedLayer& layer : image.layers) total += layer.blob.size;
  PullProgress progress(reference.ToString(), total);
  log::Info("image resolved", {{"image", reference.ToString()},
                               {"manifest", image.manifest_digest.ToString()},
                               {"layers", image.layers.size()},
                               {"bytes", total}});

  const UnpackInto unpack = [&](const ResolvedLayer& layer, UniqueFd directory,
                                std::stop_token layer_stop) -> absl::StatusOr<UnpackResult> {
    CC_ASSIGN_OR_RETURN(const uint64_t budget, layers_->Budget());
    const FetchBlob fetch = [&](const ByteSink& sink, std::stop_token fetch_stop) {
      return registry.FetchBlob(
          layer.blob,
          [&](std::string_view data) {
            progress.Add(data.size());
            return sink(data);
          },
          fetch_stop);
    };
    std::vector<Stage> stages = StagesFor(layer.type.compression);
    if (layer.type.encrypted) stages.insert(stages.begin(), options_.decrypt(layer.blob));
    return UnpackLayer({fetch, std::move(stages), layer.diff_id, {budget}}, std::move(directory), layer_stop);
  };
  absl::StatusOr<std::vector<UniqueFd>> layers =
      LayerPull(*layers_, image.layers, unpack, options_.parallel_layers).Run(stop);
  if (layers.ok()) {
    log::Info("image pulled", {{"image", reference.ToString()},
                               {"downloaded", progress.bytes()},
                               {"ms", progress.Elapsed().count()}});
  }
  return layers;
}

absl::Status Puller::WriteConfig(int bundle_fd, const UniqueFd& rootfs, const ImageConfig& config) {
  CC_ASSIGN_OR_RETURN(const ProcessUser user, ResolveUserIn(rootfs.get(), config.user));
  CC_ASSIGN_OR_RETURN(const UniqueFd file,
                      OpenBeneath(bundle_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC, 0644));
  return Annotate(WriteFull(file.get(), RuntimeSpec(config, user)), "write the bundle's config.json");
}

absl::Status Puller::Release(std::string_view bundle) {
  CC_ASSIGN_OR_RETURN(const std::string relative, RelativeBundle(bundle));
  return containers_->Release(StrCat(options_.bundle_root, "/", relative));
}

}  // namespace cc::image
