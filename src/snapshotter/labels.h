// SPDX-License-Identifier: Apache-2.0
// Labels of snapshots: the one that we act upon, and containerd's rules for all.
#ifndef CC_SNAPSHOTTER_LABELS_H_
#define CC_SNAPSHOTTER_LABELS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "snapshotter/snapshot.h"

namespace cc::snapshotter {

// Set by containerd's unpacker on Prepare: the chain id that the layer would be committed as. A snapshotter
// that can provide the layer itself commits it and answers AlreadyExists; the layer is then not downloaded.
inline constexpr char kRefLabel[] = "containerd.io/snapshot.ref";

// containerd stores no empty label: setting one to "" removes it.
Labels WithoutEmpty(Labels labels);

// InvalidArgument when name and value together exceed 4096 bytes (containerd's limit) or a name is empty.
absl::Status CheckLabels(const Labels& labels);

// The Update call: `paths` as in a field mask, "labels" for all or "labels.<name>" for one; none is all.
// InvalidArgument for any other path, as nothing else may change.
absl::Status CheckPaths(const std::vector<std::string>& paths);
void ApplyPaths(const std::vector<std::string>& paths, const Labels& from, Labels& to);

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_LABELS_H_
