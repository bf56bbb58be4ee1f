// SPDX-License-Identifier: Apache-2.0
// The rate of the counter that QEMU without KVM shows an x86 guest as its time stamp counter. A microvm has
// no timer to calibrate against when the host is busy, so the guest's kernel must be told (tsc_early_khz=).
#ifndef CC_VMM_QEMU_TSC_H_
#define CC_VMM_QEMU_TSC_H_

#include <cstdint>

namespace cc::vmm::qemu {

// In kHz. Taken from the processor where it says so, else measured (5 ms, once per process). Thread-safe.
uint64_t HostTickKhz();

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_TSC_H_
