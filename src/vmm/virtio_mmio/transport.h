// SPDX-License-Identifier: Apache-2.0
// A virtio device on the memory-mapped transport, version 2 (virtio 1.2, section 4.2.2). vCPU threads bring
// register accesses; the device lives on the event loop's thread. Registers that the device need not know of
// are answered on the spot. Starting and stopping queues waits for the loop.
//
// The driver is hostile: the configuration of queues counts from the moment of DRIVER_OK until a reset, later
// writes to it are ignored, and a queue that cannot be is never started (DEVICE_NEEDS_RESET).
#ifndef CC_VMM_VIRTIO_MMIO_TRANSPORT_H_
#define CC_VMM_VIRTIO_MMIO_TRANSPORT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/guest_memory.h"

namespace cc::vmm::virtio {

class MmioTransport {
 public:
  static constexpr uint64_t kQueueNotify = 0x50;
  static constexpr uint16_t kMaxQueueSize = 256;

  struct Options {
    std::string name;  // for the log
    DeviceType type = DeviceType::kConsole;
    Device* device = nullptr;   // outlives the transport
    EventLoop* loop = nullptr;  // runs for as long as registers are accessed
    std::shared_ptr<const GuestMemory> memory;
    std::function<void()> interrupt;  // called on the loop's thread
  };
  // On the loop's thread, or before it runs.
  static absl::StatusOr<std::unique_ptr<MmioTransport>> Create(Options options);
  // When no vCPU runs any more; on the loop's thread, or when it has ended.
  ~MmioTransport();

  // One access of the guest to the device's page, of data.size() bytes, from any thread but the loop's.
  void Read(uint64_t offset, std::span<std::byte> data);
  void Write(uint64_t offset, std::span<const std::byte> data);

  // An eventfd for each queue. Written by KVM in place of a Write to kQueueNotify, where it can.
  size_t queue_count() const { return queues_.size(); }
  int kick_fd(size_t queue) const { return queues_[queue].kick.get(); }

 private:
  struct Queue {
    // As the driver wrote it; guarded by mutex_.
    uint32_t size = 0;
    bool ready = false;
    uint64_t descriptors = 0, available = 0, used = 0;
    UniqueFd kick;
    bool running = false;  // loop's thread
  };

  explicit MmioTransport(Options options);
  uint32_t ReadRegister(uint64_t offset);
  void WriteRegister(uint64_t offset, uint32_t value);
  void WriteQueueRegister(uint64_t offset, uint32_t value);
  void WriteStatus(uint32_t value);
  bool AcceptsFeatures() const;
  uint64_t OfferedFeatures() const;
  void OnLoop(std::function<void()> task);
  absl::Status StartQueues();  // loop's thread
  void StopQueues();           // loop's thread
  void Interrupt(uint32_t cause);

  const Options options_;
  const uint64_t device_features_;
  const std::vector<std::byte> config_;
  std::atomic<uint32_t> interrupt_status_ = 0;

  std::mutex mutex_;  // guards what follows; held across OnLoop, whose tasks never take it
  uint32_t status_ = 0;
  uint32_t device_features_page_ = 0;
  uint32_t driver_features_page_ = 0;
  uint64_t driver_features_ = 0;
  uint32_t queue_selected_ = 0;
  std::vector<Queue> queues_;
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_MMIO_TRANSPORT_H_
