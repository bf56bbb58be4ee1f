// SPDX-License-Identifier: Apache-2.0
// What a virtio transport (vhost-user, virtio-mmio) needs of a device. Transport and device share one
// event-loop thread; no method may be called from another one.
#ifndef CC_VMM_VIRTIO_DEVICE_H_
#define CC_VMM_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "vmm/virtio/virtqueue.h"

namespace cc::vmm::virtio {

inline constexpr uint64_t kFeatureIndirectDescriptors = uint64_t{1} << 28;
inline constexpr uint64_t kFeatureEventIndex = uint64_t{1} << 29;
inline constexpr uint64_t kFeatureVersion1 = uint64_t{1} << 32;

inline constexpr uint64_t kFeatureAccessPlatform = uint64_t{1} << 33;

// virtio 1.2, section 5.
enum class DeviceType : uint32_t { kNet = 1, kBlock = 2, kConsole = 3, kRng = 4, kVsock = 19 };

class Device {
 public:
  virtual ~Device() = default;

  // Device-specific feature bits (0 to 23), the configuration space, and the number of queues. The same for
  // the life of the device.
  virtual uint64_t DeviceFeatures() const = 0;
  virtual std::span<const std::byte> Config() const = 0;
  virtual size_t QueueCount() const = 0;

  // What the driver took of DeviceFeatures; before its queues start.
  virtual void SetFeatures(uint64_t /*features*/) {}

  // From now on the device works on `queue` and calls `notify` to interrupt the driver.
  virtual void StartQueue(size_t index, Virtqueue queue, std::function<void()> notify) = 0;
  // The device lets go of the queue and returns it; nullopt when it was not started or is broken.
  virtual std::optional<Virtqueue> StopQueue(size_t index) = 0;
  // The driver has new buffers.
  virtual void Kick(size_t index) = 0;
  // The driver starts anew or is gone; every queue is stopped. What belonged to it must not reach the next.
  virtual void Reset() {}
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_DEVICE_H_
