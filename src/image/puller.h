// SPDX-License-Identifier: Apache-2.0
// Pulls images and makes bundles of them: the one object that a service needs.
//
//   CC_ASSIGN_OR_RETURN(auto puller, Puller::Create(options));
//   CC_ASSIGN_OR_RETURN(PullResult result, puller->Pull("busybox:1.36", "/run/kata-containers/c1", stop));
//
// Thread-safe; pulls run side by side and share layers.
#ifndef CC_IMAGE_PULLER_H_
#define CC_IMAGE_PULLER_H_

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/auth_file.h"
#include "image/container_store.h"
#include "image/http.h"
#include "image/layer_store.h"
#include "image/layer_unpacker.h"
#include "image/platform.h"
#include "image/policy.h"
#include "image/registries.h"
#include "image/registry.h"
#include "image/resolve.h"
#include "image/retry.h"

namespace cc::image {

// Who may be asked for images, how, and which may run. Some of it is a secret of the key broker's, hence it
// is fetched when an image is first pulled.
struct PullSettings {
  AuthFile credentials;
  RegistryRules registries;
  ImagePolicy policy;
};

struct PullerOptions {
  // Not beneath the bundle root, which upstream's agent empties when a sandbox is created.
  std::string store = "/run/confidential-containers/image";
  // Bundles are beneath this directory, and nowhere else.
  std::string bundle_root = "/run/kata-containers";
  int parallel_layers = 3;  // per image
  Platform platform = Platform::Host();
  // Asked for until it gives an answer, which is kept; from several threads at once.
  std::function<absl::StatusOr<PullSettings>()> settings = [] { return PullSettings(); };
  RetryPolicy retry;
  HttpOptions http;
  // Makes the stage that turns an encrypted layer's blob into the plain one, from the annotations of its
  // descriptor. Without it images with encrypted layers are refused.
  std::function<Stage(const Descriptor& blob)> decrypt;
};

struct PullResult {
  Digest manifest_digest;  // of this platform's manifest
};

class Puller {
 public:
  static absl::StatusOr<std::unique_ptr<Puller>> Create(PullerOptions options);

  // Pulls `image`, mounts it at <bundle>/rootfs and writes <bundle>/config.json (see runtime_spec.h). A
  // failed pull leaves no mount and no writable layer. The error names the image and the step.
  absl::StatusOr<PullResult> Pull(std::string_view image, std::string_view bundle, std::stop_token stop);
  // Unmounts the bundle's root file system and frees what was written to it.
  absl::Status Release(std::string_view bundle);
  // Frees what containers wrote whose root file system somebody else has unmounted.
  void Sweep() { containers_->Sweep(); }

 private:
  // What the settings lead to.
  struct Access {
    PullSettings settings;
    std::shared_ptr<HttpClient> http;
  };
  // An image at the first place that had it.
  struct Found {
    Reference place;
    std::unique_ptr<Registry> registry;
    ResolvedImage image;
  };

  Puller(PullerOptions options, std::unique_ptr<LayerStore> layers,
         std::unique_ptr<ContainerStore> containers);
  absl::StatusOr<std::shared_ptr<const Access>> GetAccess();
  absl::StatusOr<Found> Find(std::string_view image, std::stop_token stop);
  absl::StatusOr<Found> FindAt(const Access& access, const Reference& place, std::stop_token stop) const;
  absl::Status CheckSignatures(const Access& access, const Reference& wanted, const Found& found,
                               const std::vector<SigstoreRequirement>& requirements,
                               std::stop_token stop) const;
  absl::StatusOr<PullResult> PullImage(std::string_view image, std::string_view bundle, std::stop_token stop);
  absl::StatusOr<std::vector<UniqueFd>> PullLayers(Registry& registry, const ResolvedImage& image,
                                                   const Reference& reference, std::stop_token stop);
  absl::StatusOr<std::string> RelativeBundle(std::string_view bundle) const;
  absl::Status WriteConfig(int bundle_fd, const UniqueFd& rootfs, const ImageConfig& config);

  const PullerOptions options_;
  std::mutex access_mutex_;
  std::shared_ptr<const Access> access_;  // null until the settings are known; guarded by access_mutex_
  const std::unique_ptr<LayerStore> layers_;
  const std::unique_ptr<ContainerStore> containers_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_PULLER_H_
