// SPDX-License-Identifier: Apache-2.0
// /proc/<pid>/mountinfo (proc_pid_mountinfo(5)).
#ifndef CC_BASE_MOUNTINFO_H_
#define CC_BASE_MOUNTINFO_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc {

struct MountEntry {
  std::string device;  // "major:minor"
  std::string root;    // which directory of the file system is mounted
  std::string point;   // where
  std::string type;    // of the file system
};

// In the order of the text: a later mount on the same point covers an earlier one. Lines that are none are
// left out.
std::vector<MountEntry> ParseMountinfo(std::string_view text);

// The mounts that this process sees.
absl::StatusOr<std::vector<MountEntry>> ReadMountinfo();

}  // namespace cc

#endif  // CC_BASE_MOUNTINFO_H_
