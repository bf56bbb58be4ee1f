// SPDX-License-Identifier: Apache-2.0
// An emptyDir of a pod: not the host's directory but one in the guest, shared by the containers of the pod
// and kept until its end.
#ifndef CC_SHIM_EMPTY_DIR_H_
#define CC_SHIM_EMPTY_DIR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kata/agent.pb.h"
#include "shim/kubelet_paths.h"

namespace cc::shim {

// Appends to `storages` what the guest must set up, unless it is there already, and returns the guest path to
// mount. Medium Memory becomes a tmpfs of the size of kubelet's (the sizeLimit, else a part of the node's
// memory). Mode and group are those of the host's directory, so that fsGroup holds. The sizeLimit of an
// emptyDir without a medium is nowhere to be seen on the host; kubelet watches it there.
absl::StatusOr<std::string> PlaceEmptyDir(const EmptyDir& volume, std::vector<grpc::Storage>* storages);

}  // namespace cc::shim

#endif  // CC_SHIM_EMPTY_DIR_H_
