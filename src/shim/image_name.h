// SPDX-License-Identifier: Apache-2.0
// Which image a container is made from. The first source that knows wins: the snapshotter's volume in the
// rootfs mounts, the CRI annotation, containerd's own container record.
#ifndef CC_SHIM_IMAGE_NAME_H_
#define CC_SHIM_IMAGE_NAME_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "containerd/types.pb.h"
#include "shim/bundle.h"

namespace cc::shim {

// Storage source of a pod's sandbox container: the guest has its own pause bundle.
inline constexpr char kPauseImage[] = "pause";

// Reads KataVirtualVolume of type image_guest_pull from the options of `rootfs`; nullopt without one or when
// it carries a placeholder. A volume that does not parse is InvalidArgument.
absl::StatusOr<std::optional<std::string>> ImageOfVolume(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& rootfs);

using RecordLookup = std::function<absl::StatusOr<std::string>()>;

// `lookup` asks containerd (slow, last). InvalidArgument tells what to do when nobody knows.
absl::StatusOr<std::string> ImageName(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& rootfs,
    const Annotations& annotations, ContainerKind kind, const RecordLookup& lookup);

// Containers/Get on containerd's gRPC socket; the record's image, empty when it has none.
absl::StatusOr<std::string> ImageOfRecord(const std::string& containerd_address,
                                          const std::string& namespace_name, const std::string& id);

}  // namespace cc::shim

#endif  // CC_SHIM_IMAGE_NAME_H_
