// SPDX-License-Identifier: Apache-2.0
// Mount options as text ("nosuid", "size=64m") -> flags and data of mount(2).
#ifndef CC_AGENT_STORAGE_MOUNT_OPTIONS_H_
#define CC_AGENT_STORAGE_MOUNT_OPTIONS_H_

#include <string>
#include <vector>

namespace cc::agent {

struct MountOptions {
  unsigned long flags = 0;
  std::string data;  // what is no flag, separated by commas
};

MountOptions ParseMountOptions(const std::vector<std::string>& options);

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_MOUNT_OPTIONS_H_
