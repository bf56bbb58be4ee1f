// SPDX-License-Identifier: Apache-2.0
// A virtio block device (virtio 1.2, section 5.2): one queue, requests executed in order by a thread of the
// device, so that a slow disk holds up nothing else. Its methods belong to the event loop's thread.
#ifndef CC_VMM_BLOCK_BLOCK_DEVICE_H_
#define CC_VMM_BLOCK_BLOCK_DEVICE_H_

#include <array>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/thread.h"
#include "vmm/block/disk_file.h"
#include "vmm/virtio/device.h"

namespace cc::vmm::block {

class BlockDevice : public virtio::Device {
 public:
  // Requests taken from the guest and not yet returned; more wait in its queue.
  static constexpr size_t kMaxInFlight = 64;

  // `name` is for the log and the thread. Starts the thread.
  static absl::StatusOr<std::unique_ptr<BlockDevice>> Create(EventLoop* loop, DiskFile disk,
                                                             std::string name);
  ~BlockDevice() override;

  uint64_t DeviceFeatures() const override;
  std::span<const std::byte> Config() const override { return config_; }
  size_t QueueCount() const override { return 1; }
  void StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) override;
  // Waits for the request that is being executed; those behind it stay in the queue.
  std::optional<virtio::Virtqueue> StopQueue(size_t index) override;
  void Kick(size_t index) override;

 private:
  struct Queue {
    virtio::Virtqueue ring;
    std::function<void()> notify;
  };
  struct Request {
    virtio::Chain chain;
    uint32_t written = 0;
  };
  using Requests = std::deque<std::unique_ptr<Request>>;

  BlockDevice(EventLoop* loop, DiskFile disk, std::string name);
  void Work();
  // Takes requests from the guest as long as there is room.
  void Fill();
  // Returns what the thread has finished.
  void Complete();
  void PushFinished();
  // When it returns, the thread executes nothing. The number of requests that were not begun.
  size_t Quiesce();

  EventLoop* const loop_;
  const std::string name_;
  std::array<std::byte, 16> config_{};
  std::optional<Queue> queue_;
  size_t in_flight_ = 0;
  Requests spare_;               // to save allocations
  std::shared_ptr<bool> alive_;  // gone when the device is

  DiskFile disk_;     // the thread's
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Requests waiting_, finished_;
  bool working_ = false;
  bool ending_ = false;
  Thread thread_;
};

}  // namespace cc::vmm::block

#endif  // CC_VMM_BLOCK_BLOCK_DEVICE_H_
