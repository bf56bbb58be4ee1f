// SPDX-License-Identifier: Apache-2.0
// The virtual machine that a VmSpec stands for: where memory, devices, kernel, initramfs and device tree are,
// and with which registers the first vCPU starts. A pure function of the spec and the files. The VM is built
// from this value and `ccctl measure` folds the same value into the RIM, so the two cannot drift.
//
// Address map (guest physical, below the shared bit of a Realm):
//   0x08000000  GICv3 distributor
//   0x09000000  UART, only where the command line names it
//   0x0a000000  virtio-mmio devices, one page each
//   0x10000000  GICv3 redistributors, 128 KiB for each vCPU
//   0x40000000  RAM, one range: kernel, device tree, initramfs, the rest
#ifndef CC_VMM_KVM_MACHINE_MACHINE_H_
#define CC_VMM_KVM_MACHINE_MACHINE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cca/plan.h"
#include "vmm/kvm/machine/guest_file.h"
#include "vmm/vmm.h"

namespace cc::vmm::kvm {

inline constexpr uint64_t kGicDistributor = 0x08000000;
inline constexpr uint64_t kGicDistributorSize = 0x10000;
inline constexpr uint64_t kUart = 0x09000000;
inline constexpr uint64_t kUartSize = 0x1000;
inline constexpr uint64_t kVirtioBase = 0x0a000000;
inline constexpr uint64_t kVirtioSize = 0x1000;
inline constexpr uint64_t kGicRedistributors = 0x10000000;
inline constexpr uint64_t kGicRedistributorSize = 0x20000;
inline constexpr uint64_t kRamBase = 0x40000000;

// KVM gives each vCPU 16 private interrupts per affinity level 0 group and redistributors of one region; more
// than this is no pod.
inline constexpr uint32_t kMaxVcpus = 256;
inline constexpr uint32_t kMaxMemoryMib = 1U << 20;
inline constexpr size_t kMaxDevices = 64;
// The device tree, which is measured, always has places for this many; what a pod does not use is a place
// without a device. So a Realm's measurement does not depend on how many interfaces and disks its pod has.
inline constexpr size_t kNetPlaces = 4;
inline constexpr size_t kBlockPlaces = 4;
// So many fit beside console, vsock, entropy and the empty places of one kind.
inline constexpr size_t kMaxNicsAndDisks = kMaxDevices - 3 - std::max(kNetPlaces, kBlockPlaces);
// The guest kernel's limit, with the terminating zero (COMMAND_LINE_SIZE of arch/arm64).
inline constexpr size_t kMaxCommandLine = 2048;

enum class DeviceKind { kConsole, kVsock, kNet, kBlock, kRng };

// One virtio-mmio device. Interrupts are shared peripheral interrupts (SPI), edge triggered.
struct DeviceSlot {
  DeviceKind kind = DeviceKind::kConsole;
  size_t index = 0;  // into VmSpec::nics or ::disks; beyond them = no device here
  uint64_t address = 0;
  uint32_t spi = 0;  // INTID - 32
};

// What the hypervisor of the node decides and the RMM measures; without effect when tee = kNone.
struct RealmHost {
  uint8_t num_bps = 5;  // breakpoints - 1 and watchpoints - 1, as in ID_AA64DFR0_EL1
  uint8_t num_wps = 3;
};

struct GuestFiles {
  GuestFile kernel;  // Image or Image.gz
  GuestFile initramfs;
};
// Those that the spec names.
absl::StatusOr<GuestFiles> MapGuestFiles(const VmSpec& spec);

struct Machine {
  cca::RealmLayout layout;  // of a Realm; a normal VM has the same pages and registers
  std::vector<DeviceSlot> devices;
  bool uart = false;
  uint32_t uart_spi = 0;
  std::string command_line;
  uint64_t device_tree = 0;  // addresses of what `layout` contains
  uint64_t initramfs = 0;
};

// First randomness of the guest's kernel. A Realm takes none from the host, which would know it.
using Seed = std::array<uint8_t, 64>;

// The whole kernel command line of a guest.
std::string KernelCommandLine(const VmSpec& spec);

// The MPIDR affinity fields that KVM and the RMM give the vCPU of that index.
uint64_t Mpidr(uint32_t vcpu);

// InvalidArgument: sizes out of range, a kernel that is no arm64 Image, a guest that does not fit into its
// memory, a command line that is too long; the message says what to change. `seed` must be empty for a Realm.
absl::StatusOr<Machine> DescribeMachine(const VmSpec& spec, GuestFiles files, const RealmHost& realm = {},
                                        const std::optional<Seed>& seed = std::nullopt);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_MACHINE_H_
