// SPDX-License-Identifier: Apache-2.0
// A virtio network device (virtio 1.2, section 5.1) between one pair of queues and a port. Lives on the
// thread of its event loop and does not block: frames for the guest stay in the port until there are buffers
// for them, the guest's frames stay in its queue until the port takes them. Malformed ones are dropped.
#ifndef CC_VMM_NET_NET_DEVICE_H_
#define CC_VMM_NET_NET_DEVICE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "vmm/net/receiver.h"
#include "vmm/net/tap.h"
#include "vmm/virtio/device.h"

namespace cc::vmm::net {

class NetDevice : public virtio::Device {
 public:
  static constexpr size_t kReceive = 0, kTransmit = 1, kQueueCount = 2;

  struct Options {
    std::string name;  // for the log
    FramePort port;
    std::array<uint8_t, 6> mac = {};
    uint16_t mtu = 0;  // 0 = the driver is told none
  };
  static absl::StatusOr<std::unique_ptr<NetDevice>> Create(EventLoop* loop, Options options);
  ~NetDevice() override;

  uint64_t DeviceFeatures() const override;
  std::span<const std::byte> Config() const override { return config_; }
  size_t QueueCount() const override { return kQueueCount; }
  void SetFeatures(uint64_t features) override;
  void StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) override;
  std::optional<virtio::Virtqueue> StopQueue(size_t index) override;
  void Kick(size_t index) override;
  void Reset() override { receiver_.Clear(); }

 private:
  struct Queue {
    virtio::Virtqueue ring;
    std::function<void()> notify;
  };
  enum class Step { kMore, kWait, kBroken };

  NetDevice(EventLoop* loop, Options options);
  void OnPort(uint32_t events);
  // Works on a queue until there is nothing to do, but not for too long.
  void Serve(size_t index);
  Step ReceiveOne(virtio::Virtqueue& ring);
  Step TransmitOne(virtio::Virtqueue& ring);
  // False when the port takes nothing for now. A frame that it refuses, or that must not leave, is dropped.
  bool Send(const virtio::Chain& chain);
  Step Broken(size_t index, const absl::Status& status);

  EventLoop* const loop_;
  const Options options_;
  std::array<std::byte, 12> config_{};
  uint64_t features_ = 0;
  bool usable_ = true;    // false: the port did not take the driver's features
  bool readable_ = true;  // the port may have a frame
  bool writable_ = true;  // the port may take a frame
  std::array<std::optional<Queue>, kQueueCount> queues_;
  Receiver receiver_;
  virtio::Chain chain_;
  std::vector<iovec> pieces_;
};

}  // namespace cc::vmm::net

#endif  // CC_VMM_NET_NET_DEVICE_H_
