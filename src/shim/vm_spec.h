// SPDX-License-Identifier: Apache-2.0
// The guest that the configuration describes. One home, because the shim starts it and `ccctl measure`
// predicts what will be measured of it.
#ifndef CC_SHIM_VM_SPEC_H_
#define CC_SHIM_VM_SPEC_H_

#include "shim/config.h"
#include "vmm/vmm.h"

namespace cc::shim {

// All but what belongs to one pod: id, directory, console, network, disks, initdata.
vmm::VmSpec VmSpecOf(const Config& config);

}  // namespace cc::shim

#endif  // CC_SHIM_VM_SPEC_H_
