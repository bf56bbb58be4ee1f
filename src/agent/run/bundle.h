// SPDX-License-Identifier: Apache-2.0
// The directory of a container, <base>/<id>: config.json, rootfs, mounts.
#ifndef CC_AGENT_RUN_BUNDLE_H_
#define CC_AGENT_RUN_BUNDLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/mountinfo.h"

namespace cc::agent {

absl::Status CreateBundle(const std::string& path);

// Unmounts all that is mounted beneath `path` (innermost first) and removes the directory. Nothing is deleted
// while something is still mounted there. OK when there is no such directory.
absl::Status RemoveBundle(const std::string& path);

// The points of `mounts` beneath `directory`, innermost first.
std::vector<std::string> MountsBeneath(const std::vector<MountEntry>& mounts, std::string_view directory);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_BUNDLE_H_
