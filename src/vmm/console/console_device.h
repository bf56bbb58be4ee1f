// SPDX-License-Identifier: Apache-2.0
// A virtio console (virtio 1.2, section 5.3) that only prints: what the guest writes goes to a descriptor,
// nothing ever comes in. Faster than a UART, where each character leaves the guest. Lives on the thread of
// its event loop and does not block: output that nobody takes waits in the guest's queue.
#ifndef CC_VMM_CONSOLE_CONSOLE_DEVICE_H_
#define CC_VMM_CONSOLE_CONSOLE_DEVICE_H_

#include <array>
#include <optional>

#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "vmm/virtio/device.h"

namespace cc::vmm {

class ConsoleDevice : public virtio::Device {
 public:
  // `output` should be non-blocking if it is a pipe or socket; invalid = output is dropped.
  ConsoleDevice(EventLoop* loop, UniqueFd output) : loop_(loop), output_(std::move(output)) {}
  ~ConsoleDevice() override;

  uint64_t DeviceFeatures() const override { return 0; }
  std::span<const std::byte> Config() const override { return config_; }
  size_t QueueCount() const override { return kQueueCount; }
  void StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) override;
  std::optional<virtio::Virtqueue> StopQueue(size_t index) override;
  void Kick(size_t index) override;

 private:
  static constexpr size_t kReceive = 0, kTransmit = 1, kQueueCount = 2;
  struct Queue {
    virtio::Virtqueue ring;
    std::function<void()> notify;
  };
  void Drain();
  // False when the output takes no more for now; `printed_` then says how much of the chain it took.
  bool Print(const virtio::Chain& chain);
  void WaitForRoom();

  EventLoop* const loop_;
  UniqueFd output_;
  bool waiting_ = false;
  size_t printed_ = 0;                  // bytes of the first buffer in the queue that are out already
  std::array<std::byte, 12> config_{};  // columns, rows, ports, emergency output: unused without features
  std::array<std::optional<Queue>, kQueueCount> queues_;
  virtio::Chain chain_;
  std::vector<iovec> pieces_;
};

}  // namespace cc::vmm

#endif  // CC_VMM_CONSOLE_CONSOLE_DEVICE_H_
