// SPDX-License-Identifier: Apache-2.0
// A virtio entropy device (virtio 1.2, section 5.4): random bytes of the host's kernel. Not for Realms, whose
// kernel would count the host's bytes as secret. Lives on the thread of its event loop.
#ifndef CC_VMM_RNG_RNG_DEVICE_H_
#define CC_VMM_RNG_RNG_DEVICE_H_

#include <optional>

#include "base/event_loop.h"
#include "vmm/virtio/device.h"

namespace cc::vmm {

class RngDevice : public virtio::Device {
 public:
  // A larger buffer is filled up to here; the driver asks again.
  static constexpr size_t kMaxBytes = 4096;

  explicit RngDevice(EventLoop* loop) : loop_(loop) {}

  uint64_t DeviceFeatures() const override { return 0; }
  std::span<const std::byte> Config() const override { return {}; }
  size_t QueueCount() const override { return 1; }
  void StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) override;
  std::optional<virtio::Virtqueue> StopQueue(size_t index) override;
  void Kick(size_t index) override;

 private:
  struct Queue {
    virtio::Virtqueue ring;
    std::function<void()> notify;
  };
  EventLoop* const loop_;
  std::optional<Queue> queue_;
  virtio::Chain chain_;
};

}  // namespace cc::vmm

#endif  // CC_VMM_RNG_RNG_DEVICE_H_
