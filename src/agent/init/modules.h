// SPDX-License-Identifier: Apache-2.0
// Kernel modules of the guest image, loaded in the order of a list: one absolute path a line, parameters
// behind it, '#' begins a comment. "virtio:<number> " before the path says: only when there is a virtio
// device of that type (1 = network, 2 = block, 3 = console). Those that console and vsock need come first;
// the rest may load while the agent already answers.
#ifndef CC_AGENT_INIT_MODULES_H_
#define CC_AGENT_INIT_MODULES_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::agent {

struct KernelModule {
  std::string path;
  std::string parameters;
  uint32_t virtio_type = 0;  // 0 = always loaded
};

// InvalidArgument names the line.
absl::StatusOr<std::vector<KernelModule>> ParseModuleList(std::string_view text);

// The list in a file; empty when there is no such file.
absl::StatusOr<std::vector<KernelModule>> ReadModuleList(const std::string& path);

// Types of the virtio devices of this machine that a bus driver has found so far.
std::set<uint32_t> VirtioTypes(const std::string& sysfs = "/sys");

// finit_module. OK when it is loaded already.
absl::Status LoadModule(const KernelModule& module);

// True when a guest transport for vsock is there: the kernel then knows this machine's CID.
bool VsockReady();

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_MODULES_H_
