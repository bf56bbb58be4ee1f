// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/device_tree.h"

#include <span>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "vmm/kvm/machine/fdt_writer.h"
#include "vmm/kvm/machine/hex.h"

namespace cc::vmm::kvm {
namespace {

constexpr uint32_t kGicHandle = 1;
// Cells of a GICv3 interrupt specifier (bindings/interrupt-controller/arm,gic-v3.yaml).
constexpr uint32_t kSpi = 0, kPpi = 1;
constexpr uint32_t kEdgeRising = 1, kLevelHigh = 4;
// Private interrupts of the architected timer (Arm Base System Architecture, "PPI assignments"), less 16.
constexpr uint32_t kTimerSecure = 13, kTimerPhysical = 14, kTimerVirtual = 11, kTimerHypervisor = 10;

void WriteChosen(FdtWriter& fdt, const DeviceTreeInput& input) {
  const Machine& machine = *input.machine;
  fdt.Begin("chosen");
  fdt.Text("bootargs", machine.command_line);
  fdt.Wide("linux,initrd-start", {machine.initramfs});
  fdt.Wide("linux,initrd-end", {machine.initramfs + input.initramfs_size});
  if (input.seed.has_value()) {
    const std::span<const uint8_t> seed(*input.seed);
    fdt.Bytes("kaslr-seed", seed.first(8));
    fdt.Bytes("rng-seed", seed.subspan(8));
  }
  fdt.End();
}

void WriteCpus(FdtWriter& fdt, uint32_t vcpus) {
  fdt.Begin("cpus");
  fdt.Cells("#address-cells", {1});
  fdt.Cells("#size-cells", {0});
  for (uint32_t i = 0; i < vcpus; ++i) {
    const auto mpidr = static_cast<uint32_t>(Mpidr(i));
    fdt.Begin("cpu@" + Hex(mpidr));
    fdt.Text("device_type", "cpu");
    fdt.Text("compatible", "arm,armv8");
    fdt.Text("enable-method", "psci");
    fdt.Cells("reg", {mpidr});
    fdt.End();
  }
  fdt.End();
}

void WritePsci(FdtWriter& fdt, bool realm) {
  fdt.Begin("psci");
  fdt.Texts("compatible", {"arm,psci-1.0", "arm,psci-0.2"});
  fdt.Text("method", realm ? "smc" : "hvc");
  fdt.End();
}

void WriteGic(FdtWriter& fdt, uint32_t vcpus) {
  fdt.Begin("interrupt-controller@" + Hex(kGicDistributor));
  fdt.Text("compatible", "arm,gic-v3");
  fdt.Empty("interrupt-controller");
  fdt.Cells("#interrupt-cells", {3});
  fdt.Wide("reg", {kGicDistributor, kGicDistributorSize, kGicRedistributors, vcpus * kGicRedistributorSize});
  fdt.Cells("phandle", {kGicHandle});
  fdt.End();
}

void WriteTimer(FdtWriter& fdt) {
  fdt.Begin("timer");
  fdt.Text("compatible", "arm,armv8-timer");
  fdt.Cells("interrupts", {kPpi, kTimerSecure, kLevelHigh, kPpi, kTimerPhysical, kLevelHigh, kPpi,
                           kTimerVirtual, kLevelHigh, kPpi, kTimerHypervisor, kLevelHigh});
  fdt.Empty("always-on");
  fdt.End();
}

// An SBSA UART needs no clocks (bindings/serial/arm,sbsa-uart.yaml).
void WriteUart(FdtWriter& fdt, uint32_t spi) {
  fdt.Begin("uart@" + Hex(kUart));
  fdt.Text("compatible", "arm,sbsa-uart");
  fdt.Wide("reg", {kUart, kUartSize});
  fdt.Cells("interrupts", {kSpi, spi, kLevelHigh});
  fdt.Cells("current-speed", {115200});
  fdt.End();
}

void WriteVirtio(FdtWriter& fdt, const DeviceSlot& slot) {
  fdt.Begin("virtio_mmio@" + Hex(slot.address));
  fdt.Text("compatible", "virtio,mmio");
  fdt.Wide("reg", {slot.address, kVirtioSize});
  fdt.Cells("interrupts", {kSpi, slot.spi, kEdgeRising});
  fdt.Empty("dma-coherent");
  fdt.End();
}

}  // namespace

absl::StatusOr<std::string> BuildDeviceTree(const DeviceTreeInput& input) {
  const Machine& machine = *input.machine;
  FdtWriter fdt(kMaxDeviceTree);
  fdt.Begin("");
  fdt.Cells("#address-cells", {2});
  fdt.Cells("#size-cells", {2});
  fdt.Text("compatible", "linux,dummy-virt");
  fdt.Cells("interrupt-parent", {kGicHandle});
  WriteChosen(fdt, input);
  fdt.Begin("memory@" + Hex(kRamBase));
  fdt.Text("device_type", "memory");
  fdt.Wide("reg", {kRamBase, input.ram_size});
  fdt.End();
  WriteCpus(fdt, input.vcpus);
  WritePsci(fdt, input.realm);
  WriteGic(fdt, input.vcpus);
  WriteTimer(fdt);
  if (machine.uart) WriteUart(fdt, machine.uart_spi);
  for (const DeviceSlot& slot : machine.devices) WriteVirtio(fdt, slot);
  fdt.End();
  return std::move(fdt).Finish();
}

}  // namespace cc::vmm::kvm
