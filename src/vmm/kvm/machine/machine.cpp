// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/machine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "vmm/kvm/machine/arm64_image.h"
#include "vmm/kvm/machine/device_tree.h"
#include "vmm/kvm/machine/early_memory.h"

namespace cc::vmm::kvm {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kKernelAlignment = 2 * kMiB;
// Address bits that KVM supports at least (ARM64_MIN_PARANGE_BITS).
constexpr int kMinIpaBits = 32;

// Linux, include/linux/swiotlb.h: IO_TLB_SIZE.
constexpr uint64_t kBounceSlot = 2048;
constexpr uint64_t kBouncePool = 8 * kMiB;

constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

absl::Status CheckSizes(const VmSpec& spec) {
  if (spec.arch != "aarch64") {
    return absl::InvalidArgumentError(
        StrCat("backend = \"kvm\" runs aarch64 guests only, not ", spec.arch, "; use backend = \"qemu\""));
  }
  if (spec.vcpus == 0 || spec.vcpus > kMaxVcpus) {
    return absl::InvalidArgumentError(StrCat(spec.vcpus, " vCPUs; 1 to ", kMaxVcpus, " are possible"));
  }
  if (spec.memory_mib == 0 || spec.memory_mib > kMaxMemoryMib) {
    return absl::InvalidArgumentError(
        StrCat(spec.memory_mib, " MiB of guest memory; 1 to ", kMaxMemoryMib, " are possible"));
  }
  return absl::OkStatus();
}

absl::Status CheckCommandLine(std::string_view line) {
  if (line.size() >= kMaxCommandLine) {
    return absl::InvalidArgumentError(StrCat("the guest's kernel command line has ", line.size(),
                                             " bytes, the kernel takes ", kMaxCommandLine - 1,
                                             "; shorten kernel_params"));
  }
  if (std::any_of(line.begin(), line.end(), [](char c) { return c < ' ' || c == '\x7f'; })) {
    return absl::InvalidArgumentError("the guest's kernel command line has a control character in it");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceSlot>> PlaceDevices(const VmSpec& spec) {
  std::vector<DeviceSlot> slots;
  const auto add = [&slots](DeviceKind kind, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const size_t n = slots.size();
      slots.push_back({kind, i, kVirtioBase + n * kVirtioSize, static_cast<uint32_t>(n)});
    }
  };
  add(DeviceKind::kConsole, 1);
  add(DeviceKind::kVsock, 1);
  add(DeviceKind::kNet, std::max(spec.nics.size(), kNetPlaces));
  add(DeviceKind::kBlock, std::max(spec.disks.size(), kBlockPlaces));
  // A Realm's kernel would count the host's bytes as secret randomness; it has the processor's.
  if (spec.tee == Tee::kNone) add(DeviceKind::kRng, 1);
  if (slots.size() > kMaxDevices) {
    return absl::InvalidArgumentError(StrCat(slots.size(), " devices; ", kMaxDevices, " are possible"));
  }
  return slots;
}

// One bit more than RAM needs: the upper half is the shared alias.
uint8_t IpaBits(uint64_t ram_end) {
  return static_cast<uint8_t>(std::max(kMinIpaBits, static_cast<int>(std::bit_width(ram_end - 1)) + 1));
}

cca::Populate Content(uint64_t base, const GuestFile& file) {
  return {.base = base,
          .size = AlignUp(file.bytes.size(), cca::kGranule),
          .measured = true,
          .content = file.bytes,
          .owner = file.owner};
}

}  // namespace

std::string KernelCommandLine(const VmSpec& spec) {
  // A panic must end the VM: the reset reaches the VMM as an event.
  std::vector<std::string> parameters = {"panic=-1", "console=hvc0", "random.trust_bootloader=on"};
  if (spec.tee == Tee::kCca) {
    // Devices reach a Realm through the bounce pool (swiotlb) only. 8 MiB instead of Linux's 64: each page of
    // it is touched and then shared at boot. The product's kernel lets the pool grow
    // (CONFIG_SWIOTLB_DYNAMIC). An RMM that is older than the processor does not hide Guarded Control Stacks,
    // whose registers then trap without end (TF-RMM 0.6).
    parameters.insert(parameters.end(), {StrCat("swiotlb=", kBouncePool / kBounceSlot), "arm64.nogcs"});
  }
  parameters.insert(parameters.end(), spec.cmdline.begin(), spec.cmdline.end());
  return StrJoin(parameters, " ");
}

// arch/arm64/kvm: 16 vCPUs for each value of affinity 1, 256 of those for each of affinity 2.
uint64_t Mpidr(uint32_t vcpu) {
  const uint64_t affinity0 = vcpu & 0xf, affinity1 = vcpu >> 4 & 0xff, affinity2 = vcpu >> 12 & 0xff;
  return affinity0 | affinity1 << 8 | affinity2 << 16;
}

absl::StatusOr<GuestFiles> MapGuestFiles(const VmSpec& spec) {
  GuestFiles files;
  CC_ASSIGN_OR_RETURN(files.kernel, MapGuestFile(spec.kernel));
  CC_ASSIGN_OR_RETURN(files.initramfs, MapGuestFile(spec.initramfs));
  return files;
}

absl::StatusOr<Machine> DescribeMachine(const VmSpec& spec, GuestFiles files, const RealmHost& realm,
                                        const std::optional<Seed>& seed) {
  const bool is_realm = spec.tee == Tee::kCca;
  if (is_realm && seed.has_value()) {
    return absl::InternalError("a Realm must not get its randomness from the host");
  }
  CC_RETURN_IF_ERROR(CheckSizes(spec));
  Machine machine;
  machine.command_line = KernelCommandLine(spec);
  CC_RETURN_IF_ERROR(CheckCommandLine(machine.command_line));
  CC_ASSIGN_OR_RETURN(machine.devices, PlaceDevices(spec));
  machine.uart = machine.command_line.find("console=ttyAMA0") != std::string::npos;
  machine.uart_spi = static_cast<uint32_t>(machine.devices.size());
  CC_ASSIGN_OR_RETURN(const Arm64Image kernel, ParseArm64Image(std::move(files.kernel)));

  const uint64_t ram_size = spec.memory_mib * kMiB;
  const uint64_t kernel_base = kRamBase + kernel.text_offset;
  machine.device_tree = AlignUp(kernel_base + kernel.image_size, kKernelAlignment);
  machine.initramfs = machine.device_tree + kMaxDeviceTree;
  const uint64_t used = machine.initramfs + AlignUp(files.initramfs.bytes.size(), cca::kGranule) - kRamBase;
  // The kernel needs room beside its image to unpack the initramfs into, at the least once more its size.
  const uint64_t needed = used + files.initramfs.bytes.size();
  if (needed > ram_size) {
    return absl::InvalidArgumentError(StrCat("the guest does not fit into ", spec.memory_mib,
                                             " MiB: kernel and initramfs (", files.initramfs.name, ", ",
                                             files.initramfs.bytes.size(), " bytes) need at least ",
                                             AlignUp(needed, kMiB) / kMiB, " MiB; set memory_mib higher"));
  }

  cca::RealmLayout& layout = machine.layout;
  layout.params.ipa_bits = IpaBits(kRamBase + ram_size);
  layout.params.num_bps = realm.num_bps;
  layout.params.num_wps = realm.num_wps;
  layout.params.hash =
      spec.realm.hash == RealmSpec::Hash::kSha512 ? cca::RealmHash::kSha512 : cca::RealmHash::kSha256;
  layout.params.rpv = spec.realm.rpv;
  layout.ram = {{kRamBase, ram_size}};

  CC_ASSIGN_OR_RETURN(std::string tree, BuildDeviceTree({.machine = &machine,
                                                         .vcpus = spec.vcpus,
                                                         .ram_size = ram_size,
                                                         .initramfs_size = files.initramfs.bytes.size(),
                                                         .realm = is_realm,
                                                         .seed = seed}));
  layout.content = {Content(kernel_base, kernel.file),
                    Content(machine.device_tree, OwnedGuestFile("device tree", std::move(tree))),
                    Content(machine.initramfs, files.initramfs)};
  if (is_realm) {
    const std::vector<cca::Populate> early = EarlyMemory({.ram_base = kRamBase,
                                                          .ram_size = ram_size,
                                                          .content_end = kRamBase + used,
                                                          .initramfs_size = files.initramfs.bytes.size(),
                                                          .bounce_pool = kBouncePool});
    layout.content.insert(layout.content.end(), early.begin(), early.end());
  }
  for (uint32_t i = 0; i < spec.vcpus; ++i) {
    cca::CreateRec rec{.runnable = i == 0, .mpidr = Mpidr(i)};
    if (i == 0) {
      rec.pc = kernel_base;
      rec.gprs[0] = machine.device_tree;
    }
    layout.recs.push_back(rec);
  }
  return machine;
}

}  // namespace cc::vmm::kvm
