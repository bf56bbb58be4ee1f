// SPDX-License-Identifier: Apache-2.0
// The back end that runs a VM in a QEMU process: with KVM where the host can really boot a stock kernel, else
// emulated. Runs anywhere, x86-64 and aarch64 guests. Needs the Debian packages qemu-system-x86 or
// qemu-system-arm (7.2 or newer).
//
// This version starts no Realms: tee = cca is refused, never run without protection.
#ifndef CC_VMM_QEMU_QEMU_VMM_H_
#define CC_VMM_QEMU_QEMU_VMM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "vmm/qemu/accelerator.h"
#include "vmm/vmm.h"

namespace cc::vmm::qemu {

// Thread-safe.
class QemuVmm : public Vmm {
 public:
  explicit QemuVmm(HostPaths host = {}) : host_(std::move(host)) {}
  Capabilities Probe(const VmSpec& spec) override;
  absl::StatusOr<std::unique_ptr<Vm>> Create(const VmSpec& spec) override;

 private:
  absl::StatusOr<AcceleratorChoice> Check(const VmSpec& spec) const;

  const HostPaths host_;
};

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_QEMU_VMM_H_
