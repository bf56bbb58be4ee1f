// SPDX-License-Identifier: Apache-2.0
// What a vCPU left the guest for (Documentation/virt/kvm/api.rst, "The kvm_run structure").
#include <linux/kvm.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/strings.h"
#include "vmm/kvm/guest/kvm_abi.h"
#include "vmm/kvm/guest/vcpu_threads.h"

namespace cc::vmm::kvm {
namespace {

std::optional<std::string> SystemEvent(uint32_t type) {
  switch (type) {
    case abi::kEventShutdown:
      return "guest powered off";
    case abi::kEventReset:
      return "guest rebooted, or its kernel panicked";
    case abi::kEventCrash:
      return "guest kernel panicked";
    default:
      return StrCat("guest ended with the unknown system event ", type);
  }
}

}  // namespace

std::optional<std::string> HandleExit(void* run, const MmioBus& bus) {
  // SAFETY: a mapped kvm_run. The kernel wrote it before KVM_RUN returned and does not until the next one;
  // what the guest chose of it are numbers.
  auto& exit = *static_cast<kvm_run*>(run);
  switch (exit.exit_reason) {
    case KVM_EXIT_MMIO: {
      const size_t size = std::min<size_t>(exit.mmio.len, sizeof(exit.mmio.data));
      const std::span<std::byte> data(reinterpret_cast<std::byte*>(exit.mmio.data), size);
      if (exit.mmio.is_write != 0) {
        bus.Write(exit.mmio.phys_addr, data);
      } else {
        bus.Read(exit.mmio.phys_addr, data);
      }
      return std::nullopt;
    }
    case KVM_EXIT_INTR:
      return std::nullopt;
    case KVM_EXIT_SYSTEM_EVENT:
      return SystemEvent(exit.system_event.type);
    case KVM_EXIT_SHUTDOWN:
      return "guest powered off";
    case KVM_EXIT_FAIL_ENTRY:
      return StrCat("KVM could not enter the guest (hardware reason ",
                    exit.fail_entry.hardware_entry_failure_reason, ")");
    case KVM_EXIT_INTERNAL_ERROR:
      return StrCat("KVM gave up on the guest (internal error ", exit.internal.suberror, ")");
    default:
      return StrCat("KVM left the guest for the unknown reason ", exit.exit_reason);
  }
}

}  // namespace cc::vmm::kvm
