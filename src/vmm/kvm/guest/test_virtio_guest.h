// SPDX-License-Identifier: Apache-2.0
// For tests: a guest's virtio drivers as TestKvm's vCPU executes them, register by register. What the vCPU's
// thread does here besides leaving the guest are memory accesses and sched_yield, so it can be confined.
#ifndef CC_VMM_KVM_GUEST_TEST_VIRTIO_GUEST_H_
#define CC_VMM_KVM_GUEST_TEST_VIRTIO_GUEST_H_

#include <sched.h>

#include <cstring>
#include <functional>
#include <string_view>

#include "vmm/kvm/guest/test_kvm.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::vmm::kvm {

// Rings of one device from guest address `at` on, 64 KiB; each queue has 16 entries and is used once.
class TestVirtioGuest {
 public:
  static constexpr uint16_t kEntries = 16;
  static constexpr uint64_t kQueueBytes = 0x8000;

  TestVirtioGuest(TestKvm* kvm, uint64_t device, uint64_t at) : kvm_(kvm), device_(device), at_(at) {}

  // virtio 1.2, sections 3.1.1 and 4.2.2: VERSION_1 and ACCESS_PLATFORM, and the device's first queues.
  void Start(uint32_t queues) {
    constexpr uint32_t kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8;
    Set(0x70, 0);
    Set(0x70, kAcknowledge | kDriver);
    Set(0x24, 1);
    Set(0x20, 3);
    Set(0x70, kAcknowledge | kDriver | kFeaturesOk);
    for (uint32_t queue = 0; queue < queues; ++queue) {
      Set(0x30, queue);
      Set(0x38, kEntries);
      for (const auto& [reg, address] :
           {std::pair{0x80u, Descriptors(queue)}, {0x90u, Available(queue)}, {0xa0u, Used(queue)}}) {
        Set(reg, static_cast<uint32_t>(address));
        Set(reg + 4, static_cast<uint32_t>(address >> 32));
      }
      Set(0x44, 1);
    }
    Set(0x70, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  }
  void Set(uint64_t reg, uint32_t value) { Mmio(device_ + reg, value); }
  void Mmio(uint64_t address, uint32_t value) {
    kvm_->Push([address, value](kvm_run& run) {
      run.exit_reason = KVM_EXIT_MMIO;
      run.mmio.phys_addr = address;
      run.mmio.len = 4;
      run.mmio.is_write = 1;
      std::memcpy(run.mmio.data, &value, sizeof(value));
      return 0;
    });
  }
  void Do(std::function<void()> action) {
    kvm_->Push([action = std::move(action)](kvm_run&) {
      action();
      return -EAGAIN;
    });
  }
  // One buffer of one descriptor, and the doorbell.
  void Offer(uint32_t queue, std::string_view bytes, uint32_t writable) {
    const uint16_t index = offered_[queue]++;
    const uint64_t buffer = at_ + queue * kQueueBytes + 0x1000 + index * uint64_t{0x600};
    Do([this, queue, index, buffer, bytes = std::string(bytes), writable] {
      std::memcpy(Memory(buffer), bytes.data(), bytes.size());
      const struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
      } descriptor = {buffer, writable != 0 ? writable : static_cast<uint32_t>(bytes.size()),
                      static_cast<uint16_t>(writable != 0 ? 2 : 0), 0};
      std::memcpy(Memory(Descriptors(queue) + 16 * index), &descriptor, sizeof(descriptor));
      const uint16_t next = static_cast<uint16_t>(index + 1);
      std::memcpy(Memory(Available(queue) + 4 + 2 * uint64_t{index}), &index, 2);
      __atomic_thread_fence(__ATOMIC_SEQ_CST);
      std::memcpy(Memory(Available(queue) + 2), &next, 2);
    });
    Set(0x50, queue);
  }
  void WaitForUsed(uint32_t queue, uint16_t count) {
    Do([this, queue, count] {
      const auto* used = reinterpret_cast<const uint16_t*>(Memory(Used(queue) + 2));
      while (__atomic_load_n(used, __ATOMIC_SEQ_CST) < count) ::sched_yield();
    });
  }

 private:
  uint64_t Descriptors(uint32_t queue) const { return at_ + queue * kQueueBytes; }
  uint64_t Available(uint32_t queue) const { return Descriptors(queue) + 0x400; }
  uint64_t Used(uint32_t queue) const { return Descriptors(queue) + 0x800; }
  char* Memory(uint64_t address) const {
    return reinterpret_cast<char*>(kvm_->memory.userspace_addr) + (address - kvm_->memory.guest_phys_addr);
  }

  TestKvm* const kvm_;
  const uint64_t device_, at_;
  uint16_t offered_[2] = {0, 0};
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_TEST_VIRTIO_GUEST_H_
