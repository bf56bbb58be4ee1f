// SPDX-License-Identifier: Apache-2.0
// The kernel's overlay file system over unpacked layers.
#ifndef CC_IMAGE_OVERLAY_H_
#define CC_IMAGE_OVERLAY_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"

namespace cc::image {

// Mounts the layers (lowest first) with `upper` and `work` on the directory `target`, all open descriptors. A
// layer whose root is opaque hides those below it. FailedPrecondition when the kernel has no overlayfs.
absl::Status MountOverlay(const std::vector<UniqueFd>& layers, int upper, int work, int target);

// Gives directories of `layer` that its archive had no entries for (paths, parents first) the owner, mode,
// times and user attributes they have in the layers beneath (lowest first), as if the layer had been unpacked
// over them.
absl::Status InheritDirectories(int layer, const std::set<std::string>& directories,
                                const std::vector<UniqueFd>& beneath);

}  // namespace cc::image

#endif  // CC_IMAGE_OVERLAY_H_
