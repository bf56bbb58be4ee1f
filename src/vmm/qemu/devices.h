// SPDX-License-Identifier: Apache-2.0
// The network interfaces and disks of a VmSpec as virtio devices of QEMU. QEMU opens nothing by name: taps
// and files are inherited descriptors.
#ifndef CC_VMM_QEMU_DEVICES_H_
#define CC_VMM_QEMU_DEVICES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "vmm/vmm.h"

namespace cc::vmm::qemu {

// How many devices fit beside the vsock device: a microvm has 24 virtio-mmio slots.
constexpr size_t kMaxDevices = 23;

// InvalidArgument names the device and what is wrong: a descriptor that is no tap of the wanted kind, a MAC
// that is no unicast address or used twice, an impossible MTU, a disk without or with another's serial, a
// file that is no file or whose size is no multiple of 512 bytes. NotFound and PermissionDenied are of a
// disk's file.
absl::Status CheckDevices(const VmSpec& spec);

// Opens the file as the disk is to be used.
absl::StatusOr<UniqueFd> OpenDisk(const Disk& disk);

// QEMU's options; descriptor numbers are those in the QEMU process.
std::vector<std::string> NicOptions(const Nic& nic, size_t number, int tap_fd);
std::vector<std::string> DiskOptions(const Disk& disk, size_t number, int file_fd);

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_DEVICES_H_
