// SPDX-License-Identifier: Apache-2.0
// What the shim tells cc-vmm to run: a VmSpec whose files are open descriptors, because cc-vmm can open
// nothing itself. As JSON, between two programs of the same release.
#ifndef CC_VMM_KVM_CONTROL_LAUNCH_H_
#define CC_VMM_KVM_CONTROL_LAUNCH_H_

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm/vmm.h"

namespace cc::vmm::kvm {

// Descriptors that cc-vmm inherits; more follow as Launch says.
inline constexpr int kConsoleFd = 1;   // the guest's console, or /dev/null
inline constexpr int kControlFd = 3;   // a stream socket to the shim
inline constexpr int kStateDirFd = 4;  // directory in which the guest's hybrid vsock sockets are
inline constexpr int kFirstFreeFd = 5;

// The name of the hybrid vsock socket in that directory.
inline constexpr char kVsockName[] = "vsock";

struct Launch {
  VmSpec spec;  // Nic::tap_fd is a descriptor of cc-vmm; paths are names for messages only
  int kernel_fd = -1;
  int initramfs_fd = -1;
  std::vector<int> disk_fds;  // of spec.disks
  // The process was started in the pod's network namespace (VmSpec::network_namespace) and stays there.
  bool pod_network = false;
};

nlohmann::json LaunchToJson(const Launch& launch);
// InvalidArgument when a member is missing or of another type, or a descriptor is out of range.
absl::StatusOr<Launch> LaunchFromJson(const nlohmann::json& json);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_CONTROL_LAUNCH_H_
