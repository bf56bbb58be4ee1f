// SPDX-License-Identifier: Apache-2.0
// From a VmSpec to QEMU's command line. A pure function: nothing is looked up, so tests see all of it.
#ifndef CC_VMM_QEMU_COMMAND_LINE_H_
#define CC_VMM_QEMU_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/vmm.h"

namespace cc::vmm::qemu {

// What is known only when the VM is about to start.
struct Launch {
  Accel accel = Accel::kTcg;  // never kAuto
  uint64_t tick_khz = 0;      // HostTickKhz(); used for emulated x86 guests
  int qmp_fd = -1;            // descriptor numbers in the QEMU process: the monitor's socket
  int vsock_fd = -1;          // and the vsock device's vhost-user socket
  std::vector<int> nic_fds;   // the taps of spec.nics, in order
  std::vector<int> disk_fds;  // the files of spec.disks
  bool console = false;       // the guest's console goes to standard output, else nowhere
};

// The program for a guest architecture.
std::string DefaultBinary(const std::string& arch);

// The kernel's command line: what the machine needs, then what the spec says.
std::string KernelParameters(const VmSpec& spec, const Launch& launch);

// `launch` has a descriptor for each NIC and disk.
std::vector<std::string> BuildCommandLine(const VmSpec& spec, const Launch& launch);

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_COMMAND_LINE_H_
