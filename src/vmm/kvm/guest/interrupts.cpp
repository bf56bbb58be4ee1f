// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/interrupts.h"

#include <linux/kvm.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <memory>

#include "base/log.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "vmm/kvm/guest/kvm_abi.h"

namespace cc::vmm::kvm {

using cca::realm::KvmCalls;

absl::StatusOr<std::function<void()>> MakeInterrupt(KvmCalls& kvm, int vm, uint32_t spi) {
  const auto event = std::make_shared<const UniqueFd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event->valid()) return ErrnoStatus(errno, "create an eventfd");
  // KVM routes interrupt n to SPI n when it starts the GIC.
  kvm_irqfd irqfd{.fd = static_cast<uint32_t>(event->get()), .gsi = spi};
  if (kvm.Ioctl(vm, KVM_IRQFD, &irqfd) == 0) {
    return std::function<void()>([event] { ::eventfd_write(event->get(), 1); });
  }
  return std::function<void()>([&kvm, vm, spi] {
    for (const uint32_t level : {1u, 0u}) {
      kvm_irq_level line{.irq = abi::IrqLine(spi), .level = level};
      if (const int result = kvm.Ioctl(vm, KVM_IRQ_LINE, &line); result < 0) {
        log::Error("interrupt lost", {{"spi", spi}, {"error", ErrnoStatus(-result, "KVM_IRQ_LINE")}});
      }
    }
  });
}

bool AddDoorbell(KvmCalls& kvm, int vm, uint64_t address, uint32_t value, int event) {
  kvm_ioeventfd doorbell{};
  doorbell.datamatch = value;
  doorbell.addr = address;
  doorbell.len = sizeof(value);
  doorbell.fd = event;
  doorbell.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  return kvm.Ioctl(vm, KVM_IOEVENTFD, &doorbell) == 0;
}

}  // namespace cc::vmm::kvm
