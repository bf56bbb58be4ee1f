// SPDX-License-Identifier: Apache-2.0
// Which accelerator a guest can use. /dev/kvm alone proves nothing: PVM's cannot boot a stock kernel, and a
// forced accelerator that does not work must fail with the reason and not after a minute without output.
#ifndef CC_VMM_QEMU_ACCELERATOR_H_
#define CC_VMM_QEMU_ACCELERATOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "vmm/vmm.h"

namespace cc::vmm::qemu {

// Where the host tells about itself; tests point these elsewhere.
struct HostPaths {
  std::string kvm_device = "/dev/kvm";
  std::string cpuinfo = "/proc/cpuinfo";
  std::string modules = "/sys/module";
};

// "x86_64" or "aarch64".
std::string HostArch();

struct AcceleratorChoice {
  Accel accel = Accel::kTcg;
  std::string reason;
};

// OK when KVM can boot an ordinary kernel for `guest_arch` here, else FailedPrecondition or PermissionDenied
// with the reason and what to do.
absl::Status CheckKvm(const std::string& guest_arch, const HostPaths& host);

// The part of CheckKvm that depends on an x86 host's processor and modules.
absl::Status CheckX86(const HostPaths& host);

// Resolves `auto`; a wish for KVM that cannot be met is CheckKvm's error.
absl::StatusOr<AcceleratorChoice> ChooseAccelerator(Accel wanted, const std::string& guest_arch,
                                                    const HostPaths& host);

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_ACCELERATOR_H_
