// SPDX-License-Identifier: Apache-2.0
#include "shim/image_name.h"

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"
#include "containerd/containers.pb.h"
#include "shim/grpc_client.h"
#include "shim/json_object.h"

namespace cc::shim {
namespace {

constexpr std::string_view kVolumeOption = "io.katacontainers.volume=";
constexpr char kGuestPullVolume[] = "image_guest_pull";
// What nydus-snapshotter writes when it does not know the reference.
constexpr char kPlaceholder[] = "dummy-image-reference";
constexpr std::chrono::seconds kLookupTimeout{10};

}  // namespace

absl::StatusOr<std::optional<std::string>> ImageOfVolume(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& rootfs) {
  for (const containerd::types::Mount& mount : rootfs) {
    for (const std::string& option : mount.options()) {
      if (!option.starts_with(kVolumeOption)) continue;
      std::string text;
      if (!absl::Base64Unescape(option.substr(kVolumeOption.size()), &text)) {
        return absl::InvalidArgumentError("rootfs option io.katacontainers.volume: is not base64");
      }
      JsonDocument document(text, "io.katacontainers.volume");
      const std::string type = document.root().Text("volume_type");
      std::string source = document.root().Text("source");
      CC_RETURN_IF_ERROR(document.status());
      if (type == kGuestPullVolume && !source.empty() && source != kPlaceholder) return source;
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::string> ImageName(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& rootfs,
    const Annotations& annotations, ContainerKind kind, const RecordLookup& lookup) {
  if (kind == ContainerKind::kSandbox) return kPauseImage;
  CC_ASSIGN_OR_RETURN(std::optional<std::string> volume, ImageOfVolume(rootfs));
  if (volume.has_value()) return *volume;
  for (const char* key : {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"}) {
    const auto it = annotations.find(key);
    if (it != annotations.end() && !it->second.empty()) return it->second;
  }
  absl::StatusOr<std::string> image = lookup();
  if (!image.ok()) return Annotate(image.status(), "ask containerd for the container's image");
  if (image->empty()) {
    return absl::InvalidArgumentError(
        "the container has no image that the guest could pull: neither a snapshotter volume, nor annotation "
        "io.kubernetes.cri.image-name, nor an image in containerd's record (ctr run --rootfs is not "
        "possible)");
  }
  return image;
}

absl::StatusOr<std::string> ImageOfRecord(const std::string& containerd_address,
                                          const std::string& namespace_name, const std::string& id) {
  namespace api = containerd::services::containers::v1;
  api::GetContainerRequest request;
  request.set_id(id);
  CC_ASSIGN_OR_RETURN(
      const std::string payload,
      GrpcUnaryCall(containerd_address, "/containerd.services.containers.v1.Containers/Get",
                    request.SerializeAsString(), {{"containerd-namespace", namespace_name}}, kLookupTimeout));
  api::GetContainerResponse response;
  if (!response.ParseFromString(payload)) {
    return absl::InternalError("containerd's answer is no container record");
  }
  return response.container().image();
}

}  // namespace cc::shim
