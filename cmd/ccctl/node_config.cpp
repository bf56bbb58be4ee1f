// SPDX-License-Identifier: Apache-2.0
#include "node_config.h"

#include <cstdlib>
#include <optional>

#include "base/status.h"
#include "shim/config.h"
#include "vmm/qemu/accelerator.h"

namespace cc::ccctl {

absl::StatusOr<vmm::VmSpec> ReadNodeConfig(const std::string& path) {
  const char* environment = std::getenv("KATA_CC_CONFIG");
  const std::string named = !path.empty() ? path : environment != nullptr ? environment : "";
  CC_ASSIGN_OR_RETURN(const shim::Config config, shim::LoadConfig(std::nullopt, named));
  vmm::VmSpec spec;
  spec.arch = config.vmm.arch.empty() ? vmm::qemu::HostArch() : config.vmm.arch;
  spec.kernel = config.vmm.kernel;
  spec.initramfs = config.vmm.initramfs;
  spec.cmdline = shim::GuestKernelParams(config);
  spec.accel = config.vmm.accel;
  spec.tee = config.vmm.tee;
  spec.binary = config.vmm.binary;
  return spec;
}

}  // namespace cc::ccctl
