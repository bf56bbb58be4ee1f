// SPDX-License-Identifier: Apache-2.0
// One virtual machine in this process: memory, vCPUs, devices and the thread that serves them.
#ifndef CC_VMM_KVM_GUEST_GUEST_H_
#define CC_VMM_KVM_GUEST_GUEST_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "cca/realm/kvm_calls.h"
#include "vmm/kvm/guest/machine_parts.h"
#include "vmm/kvm/guest/mmio_bus.h"
#include "vmm/kvm/guest/uart.h"
#include "vmm/kvm/guest/vcpu_threads.h"
#include "vmm/kvm/jail/threads.h"
#include "vmm/kvm/machine/machine.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio_mmio/transport.h"
#include "vmm/vmm.h"

namespace cc::vmm::kvm {

// A VM as it was made, Realm or not: what the rest of the machine needs of it.
struct VmCore {
  std::shared_ptr<const virtio::GuestMemory> memory;  // what devices may see of it
  std::shared_ptr<const void> owner;                  // keeps the VM's own parts; goes after the vCPUs
  int vm = -1;
  RunVcpu run;
};

struct GuestOptions {
  cca::realm::KvmCalls* kvm = nullptr;
  int kvm_device = -1;          // /dev/kvm
  std::string vsock_path;       // of the hybrid vsock socket, made by Build
  UniqueFd console;             // where the guest's console goes; invalid = dropped
  std::vector<UniqueFd> taps;   // of spec.nics
  std::vector<UniqueFd> disks;  // of spec.disks
  // Called once by a vCPU's thread when the VM has come to its end, with the reason for people.
  std::function<void(std::string)> on_end;
  // Called first on each thread that Start makes.
  std::function<void(jail::ThreadKind)> enter = [](jail::ThreadKind) {};
};

// Start, Pause, Resume and the destructor belong to one thread.
class Guest {
 public:
  // Everything but running. `spec` and the contents of `machine` are no longer needed afterwards.
  static absl::StatusOr<std::unique_ptr<Guest>> Build(const VmSpec& spec, const Machine& machine,
                                                      GuestOptions options);
  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  absl::Status Start();
  void Pause() { vcpus_->Pause(); }
  void Resume() { vcpus_->Resume(); }

 private:
  explicit Guest(GuestOptions options) : options_(std::move(options)), uart_(options_.console.get()) {}
  absl::Status AddDevice(const DeviceSlot& slot, const VmSpec& spec);
  void AddEmptyPlace(const DeviceSlot& slot);
  absl::StatusOr<std::unique_ptr<virtio::Device>> MakeDevice(const DeviceSlot& slot, const VmSpec& spec);
  absl::StatusOr<std::unique_ptr<virtio::Device>> MakeNic(size_t index, const Nic& nic);
  absl::StatusOr<std::unique_ptr<virtio::Device>> MakeDisk(size_t index, const Disk& disk);

  GuestOptions options_;
  const Uart uart_;
  std::unique_ptr<EventLoop> loop_;
  VmCore core_;
  std::optional<VmParts> parts_;  // before core_'s owner
  MmioBus bus_;
  std::vector<std::unique_ptr<virtio::Device>> devices_;
  std::vector<std::unique_ptr<virtio::MmioTransport>> transports_;
  Thread loop_thread_;
  std::unique_ptr<VcpuThreads> vcpus_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_GUEST_H_
