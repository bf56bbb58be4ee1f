// SPDX-License-Identifier: Apache-2.0
#include "shim/vm_spec.h"

#include <sys/utsname.h>

#include <string>

namespace cc::shim {
namespace {

std::string HostArch() {
  utsname names{};
  ::uname(&names);
  return names.machine;
}

}  // namespace

vmm::VmSpec VmSpecOf(const Config& config) {
  vmm::VmSpec spec;
  spec.arch = config.vmm.arch.empty() ? HostArch() : config.vmm.arch;
  spec.vcpus = config.vmm.vcpus;
  spec.memory_mib = config.vmm.memory_mib;
  spec.kernel = config.vmm.kernel;
  spec.initramfs = config.vmm.initramfs;
  spec.cmdline = GuestKernelParams(config);
  spec.accel = config.vmm.accel;
  spec.tee = config.vmm.tee;
  spec.binary = config.vmm.binary;
  return spec;
}

}  // namespace cc::shim
