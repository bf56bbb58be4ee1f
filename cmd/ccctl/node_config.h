// SPDX-License-Identifier: Apache-2.0
// The shim's configuration as the commands about this node read it, and the guest it describes.
#ifndef CC_CMD_CCCTL_NODE_CONFIG_H_
#define CC_CMD_CCCTL_NODE_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "vmm/vmm.h"

namespace cc::ccctl {

struct NodeConfig {
  vmm::VmSpec spec;
  std::string backend;  // "kvm" or "qemu"
};

// `path`, else $KATA_CC_CONFIG, /etc/kata-cc/config.toml, the defaults: as the shim finds it.
absl::StatusOr<NodeConfig> ReadNodeConfig(const std::string& path);

}  // namespace cc::ccctl

#endif  // CC_CMD_CCCTL_NODE_CONFIG_H_
