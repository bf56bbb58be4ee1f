// SPDX-License-Identifier: Apache-2.0
// Are the network interfaces and disks of a VmSpec such that a guest can have them? The same for every back
// end.
#ifndef CC_VMM_DEVICE_CHECK_H_
#define CC_VMM_DEVICE_CHECK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "vmm/vmm.h"

namespace cc::vmm {

// `most` is how many of both the machine has room for. InvalidArgument names the device and what is wrong: a
// descriptor that is no tap of the wanted kind, a MAC that is no unicast address or used twice, an impossible
// MTU, a disk without or with another's serial, a file that is no file or whose size is no multiple of 512
// bytes. NotFound and PermissionDenied are of a disk's file.
absl::Status CheckDevices(const VmSpec& spec, size_t most);

// InvalidArgument unless `fd` is a tap with IFF_NO_PI and IFF_VNET_HDR.
absl::Status CheckTap(int fd);

// Opens the file as the disk is to be used.
absl::StatusOr<UniqueFd> OpenDisk(const Disk& disk);

// Bytes of a file or block device; InvalidArgument when it is no positive multiple of 512.
absl::StatusOr<uint64_t> DiskSize(int fd);

// "02:00:5e:10:00:01".
std::string FormatMac(const std::array<uint8_t, 6>& mac);

}  // namespace cc::vmm

#endif  // CC_VMM_DEVICE_CHECK_H_
