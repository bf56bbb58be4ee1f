// SPDX-License-Identifier: Apache-2.0
// What a path on the host says of a Kubernetes volume. The runtime is told paths only; kubelet's layout below
// its root directory, .../pods/<uid>/..., is stable and tells what is behind them.
#ifndef CC_SHIM_KUBELET_PATHS_H_
#define CC_SHIM_KUBELET_PATHS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mountinfo.h"

namespace cc::shim {

// .../pods/<uid>/volumes/kubernetes.io~empty-dir/<name>, or a part of it: with subPath kubelet bind-mounts
// that on .../pods/<uid>/volume-subpaths/<name>/<container>/<number>.
struct EmptyDir {
  std::string name;      // of the volume in the pod
  std::string path;      // of the whole volume on the host
  std::string sub_path;  // empty: all of it
  bool memory = false;   // medium Memory: kubelet has mounted a tmpfs there
};

// nullopt when `source` is no emptyDir. InvalidArgument for medium HugePages, and for a subPath that the
// host's mounts do not explain.
absl::StatusOr<std::optional<EmptyDir>> EmptyDirOf(const std::string& source,
                                                   const std::vector<MountEntry>& mounts);

// A part of a volume: Kubernetes does not update these.
bool IsSubPath(std::string_view source);

// .../pods/<uid>/containers/<container>/<hex>: the file that is mounted on terminationMessagePath.
bool IsTerminationLog(std::string_view source);

}  // namespace cc::shim

#endif  // CC_SHIM_KUBELET_PATHS_H_
