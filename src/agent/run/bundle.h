// SPDX-License-Identifier: Apache-2.0
// The directory of a container, <base>/<id>: config.json, rootfs, mounts.
#ifndef CC_AGENT_RUN_BUNDLE_H_
#define CC_AGENT_RUN_BUNDLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace cc::agent {

absl::Status CreateBundle(const std::string& path);

// Unmounts all that is mounted beneath `path` (innermost first) and removes the directory. Nothing is deleted
// while something is still mounted there. OK when there is no such directory.
absl::Status RemoveBundle(const std::string& path);

// The mount points beneath `directory` in a text of the form of /proc/self/mountinfo, innermost first.
std::vector<std::string> MountsBeneath(std::string_view mountinfo, std::string_view directory);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_BUNDLE_H_
