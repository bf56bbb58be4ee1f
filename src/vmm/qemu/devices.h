// SPDX-License-Identifier: Apache-2.0
// The network interfaces and disks of a VmSpec as virtio devices of QEMU. QEMU opens nothing by name: taps
// and files are inherited descriptors.
#ifndef CC_VMM_QEMU_DEVICES_H_
#define CC_VMM_QEMU_DEVICES_H_

#include <string>
#include <vector>

#include "vmm/vmm.h"

namespace cc::vmm::qemu {

// How many devices fit beside the vsock device: a microvm has 24 virtio-mmio slots.
constexpr size_t kMaxDevices = 23;

// QEMU's options; descriptor numbers are those in the QEMU process.
std::vector<std::string> NicOptions(const Nic& nic, size_t number, int tap_fd);
std::vector<std::string> DiskOptions(const Disk& disk, size_t number, int file_fd);

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_DEVICES_H_
