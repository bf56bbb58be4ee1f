// SPDX-License-Identifier: Apache-2.0
// The versions of a Kubernetes volume (config map, secret, projected, downward API). kubelet keeps the files
// of one version in a directory "..<time>.<random>", lets the link "..data" name the current one and has a
// link "<key>" -> "..data/<key>" for each file (k8s.io/kubernetes/pkg/volume/util/atomic_writer.go).
#ifndef CC_AGENT_STORAGE_VOLUME_VERSION_H_
#define CC_AGENT_STORAGE_VOLUME_VERSION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::agent {

inline constexpr std::string_view kCurrentVersion = "..data";

// Removes from the volume `volume_fd` (may be O_PATH) every version but `current`, and the links into
// "..data" that lead nowhere now. What does not look like kubelet's work stays.
absl::Status RemoveOldVersions(int volume_fd, std::string_view current);

// The names in a directory, without "." and "..". The descriptor may be O_PATH.
absl::StatusOr<std::vector<std::string>> NamesIn(int directory_fd);

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_VOLUME_VERSION_H_
