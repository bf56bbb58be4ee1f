// SPDX-License-Identifier: Apache-2.0
// Recursive removal of a directory whose content is hostile: symbolic links are not followed, and neither
// depth nor width costs more than a few descriptors.
#ifndef CC_BASE_REMOVE_TREE_H_
#define CC_BASE_REMOVE_TREE_H_

#include <string>

#include "absl/status/status.h"

namespace cc {

// Removes `name` (file or directory) in `dir_fd`. Absent is OK. Nobody else may write beneath it meanwhile.
absl::Status RemoveTree(int dir_fd, const std::string& name);

}  // namespace cc

#endif  // CC_BASE_REMOVE_TREE_H_
