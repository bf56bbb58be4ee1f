// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/guest.h"

#include <fcntl.h>
#include <linux/kvm.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "vmm/block/block_device.h"
#include "vmm/console/console_device.h"
#include "vmm/kvm/guest/interrupts.h"
#include "vmm/kvm/guest/plain_vm.h"
#include "vmm/kvm/guest/realm_core.h"
#include "vmm/net/net_device.h"
#include "vmm/net/tap.h"
#include "vmm/rng/rng_device.h"
#include "vmm/vsock/device.h"

namespace cc::vmm::kvm {
namespace {

// Each VM has its own device, so every guest can have the same address.
constexpr uint64_t kGuestCid = 3;

absl::StatusOr<VmCore> MakePlain(cca::realm::KvmCalls& kvm, int device, const Machine& machine,
                                 VmParts& parts) {
  CC_ASSIGN_OR_RETURN(PlainVm plain, CreatePlainVm(kvm, device, machine.layout, parts));
  const auto owner = std::make_shared<const PlainVm>(std::move(plain));
  return VmCore{
      .memory = owner->memory, .owner = owner, .vm = owner->vm.get(), .run = [&kvm](int vcpu, void*) {
        return RunPlain(kvm, vcpu);
      }};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guest>> Guest::Build(const VmSpec& spec, const Machine& machine,
                                                    GuestOptions options) {
  std::unique_ptr<Guest> guest(new Guest(std::move(options)));
  cca::realm::KvmCalls& kvm = *guest->options_.kvm;
  const int device = guest->options_.kvm_device;
  CC_ASSIGN_OR_RETURN(guest->loop_, EventLoop::Create());
  const int run_size = kvm.Ioctl(device, KVM_GET_VCPU_MMAP_SIZE);
  CC_RETURN_IF_ERROR(cca::realm::Checked(run_size, "ask KVM for the size of a vCPU's page"));
  guest->parts_.emplace(kvm, spec.vcpus, static_cast<size_t>(run_size));
  CC_ASSIGN_OR_RETURN(guest->core_, spec.tee == Tee::kCca ? MakeRealm(kvm, device, machine, *guest->parts_)
                                                          : MakePlain(kvm, device, machine, *guest->parts_));
  for (const DeviceSlot& slot : machine.devices) CC_RETURN_IF_ERROR(guest->AddDevice(slot, spec));
  if (machine.uart) {
    const Uart* uart = &guest->uart_;
    guest->bus_.Add(
        kUart, kUartSize,
        {.read = [uart](uint64_t at, std::span<std::byte> data) { uart->Read(at, data); },
         .write = [uart](uint64_t at, std::span<const std::byte> data) { uart->Write(at, data); }});
  }
  guest->vcpus_ =
      std::make_unique<VcpuThreads>(*guest->parts_, guest->bus_, guest->core_.run, guest->options_.on_end,
                                    [enter = guest->options_.enter] { enter(jail::ThreadKind::kVcpu); });
  return guest;
}

// Threads first; then what they used, from the outside in.
Guest::~Guest() {
  vcpus_.reset();
  if (loop_ != nullptr) loop_->Stop();
  loop_thread_.Join();
  transports_.clear();
  devices_.clear();
  parts_.reset();
}

absl::StatusOr<std::unique_ptr<virtio::Device>> Guest::MakeDevice(const DeviceSlot& slot,
                                                                  const VmSpec& spec) {
  switch (slot.kind) {
    case DeviceKind::kConsole: {
      UniqueFd output;
      if (options_.console) {
        output.reset(::fcntl(options_.console.get(), F_DUPFD_CLOEXEC, 0));
        if (!output) return ErrnoStatus(errno, "duplicate the console's descriptor");
      }
      return std::make_unique<ConsoleDevice>(loop_.get(), std::move(output));
    }
    case DeviceKind::kVsock:
      return vsock::VsockDevice::Create(loop_.get(), kGuestCid, options_.vsock_path);
    case DeviceKind::kNet:
      return MakeNic(slot.index, spec.nics[slot.index]);
    case DeviceKind::kBlock:
      return MakeDisk(slot.index, spec.disks[slot.index]);
    case DeviceKind::kRng:
      return std::make_unique<RngDevice>(loop_.get());
  }
  return absl::InternalError("unknown device");
}

// virtio 1.2, section 4.2.2: drivers pass over a place whose device ID is 0.
void Guest::AddEmptyPlace(const DeviceSlot& slot) {
  bus_.Add(slot.address, kVirtioSize,
           {.read =
                [](uint64_t at, std::span<std::byte> data) {
                  constexpr uint32_t kMagicAndVersion[] = {0x74726976, 2};
                  std::memset(data.data(), 0, data.size());
                  if (at + data.size() <= sizeof(kMagicAndVersion)) {
                    std::memcpy(data.data(), reinterpret_cast<const char*>(kMagicAndVersion) + at,
                                data.size());
                  }
                },
            .write = [](uint64_t, std::span<const std::byte>) {}});
}

absl::StatusOr<std::unique_ptr<virtio::Device>> Guest::MakeNic(size_t index, const Nic& nic) {
  if (index >= options_.taps.size()) return absl::InternalError("an interface's tap was not passed");
  absl::StatusOr<net::FramePort> port = net::OpenTap(std::move(options_.taps[index]));
  if (!port.ok()) return Annotate(port.status(), StrCat("network interface ", index));
  return net::NetDevice::Create(loop_.get(), {.name = StrCat("net", index),
                                              .port = *std::move(port),
                                              .mac = nic.mac,
                                              .mtu = static_cast<uint16_t>(nic.mtu)});
}

absl::StatusOr<std::unique_ptr<virtio::Device>> Guest::MakeDisk(size_t index, const Disk& disk) {
  if (index >= options_.disks.size()) return absl::InternalError("a disk's file was not passed");
  absl::StatusOr<block::DiskFile> file =
      block::DiskFile::Create(std::move(options_.disks[index]), disk.read_only, disk.serial);
  if (!file.ok()) return Annotate(file.status(), StrCat("disk ", disk.path));
  return block::BlockDevice::Create(loop_.get(), *std::move(file), StrCat("disk", index));
}

absl::Status Guest::AddDevice(const DeviceSlot& slot, const VmSpec& spec) {
  if ((slot.kind == DeviceKind::kNet && slot.index >= spec.nics.size()) ||
      (slot.kind == DeviceKind::kBlock && slot.index >= spec.disks.size())) {
    AddEmptyPlace(slot);
    return absl::OkStatus();
  }
  constexpr struct {
    DeviceKind kind;
    virtio::DeviceType type;
    const char* name;
  } kTypes[] = {{DeviceKind::kConsole, virtio::DeviceType::kConsole, "console"},
                {DeviceKind::kVsock, virtio::DeviceType::kVsock, "vsock"},
                {DeviceKind::kNet, virtio::DeviceType::kNet, "net"},
                {DeviceKind::kBlock, virtio::DeviceType::kBlock, "block"},
                {DeviceKind::kRng, virtio::DeviceType::kRng, "rng"}};
  CC_ASSIGN_OR_RETURN(std::unique_ptr<virtio::Device> device, MakeDevice(slot, spec));
  CC_ASSIGN_OR_RETURN(std::function<void()> interrupt, MakeInterrupt(*options_.kvm, core_.vm, slot.spi));
  const auto& type = kTypes[static_cast<size_t>(slot.kind)];
  CC_ASSIGN_OR_RETURN(std::unique_ptr<virtio::MmioTransport> made,
                      virtio::MmioTransport::Create({.name = StrCat(type.name, slot.index),
                                                     .type = type.type,
                                                     .device = device.get(),
                                                     .loop = loop_.get(),
                                                     .memory = core_.memory,
                                                     .interrupt = std::move(interrupt)}));
  virtio::MmioTransport* const transport = made.get();
  devices_.push_back(std::move(device));
  transports_.push_back(std::move(made));
  for (uint32_t queue = 0; queue < transport->queue_count(); ++queue) {
    const uint64_t doorbell = slot.address + virtio::MmioTransport::kQueueNotify;
    if (!AddDoorbell(*options_.kvm, core_.vm, doorbell, queue, transport->kick_fd(queue))) break;
  }
  bus_.Add(
      slot.address, kVirtioSize,
      {.read = [transport](uint64_t at, std::span<std::byte> data) { transport->Read(at, data); },
       .write = [transport](uint64_t at, std::span<const std::byte> data) { transport->Write(at, data); }});
  return absl::OkStatus();
}

absl::Status Guest::Start() {
  CC_ASSIGN_OR_RETURN(loop_thread_, Thread::Start("devices", [this] {
                        options_.enter(jail::ThreadKind::kDevices);
                        loop_->Run();
                      }));
  return vcpus_->Start();
}

}  // namespace cc::vmm::kvm
