// SPDX-License-Identifier: Apache-2.0
// The flattened device tree that tells the guest's kernel about its machine (Devicetree Specification 0.4 and
// the bindings in Linux, Documentation/devicetree/bindings).
#ifndef CC_VMM_KVM_MACHINE_DEVICE_TREE_H_
#define CC_VMM_KVM_MACHINE_DEVICE_TREE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::vmm::kvm {

// Room that is kept for it in guest memory.
inline constexpr size_t kMaxDeviceTree = 128 << 10;

struct DeviceTreeInput {
  const Machine* machine = nullptr;  // device_tree and layout.content need not be complete
  uint32_t vcpus = 1;
  uint64_t ram_size = 0;
  uint64_t initramfs_size = 0;
  bool realm = false;  // PSCI is called by SMC, which is the RMM's in a Realm, else by HVC
  std::optional<Seed> seed;
};

// ResourceExhausted when it is longer than kMaxDeviceTree.
absl::StatusOr<std::string> BuildDeviceTree(const DeviceTreeInput& input);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_DEVICE_TREE_H_
