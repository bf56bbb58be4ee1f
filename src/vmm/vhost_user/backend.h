// SPDX-License-Identifier: Apache-2.0
// Serves one virtio device to QEMU over vhost-user: negotiates features, maps the guest's memory, and starts
// and stops the device's queues. Lives on the thread of its event loop.
//
// QEMU counts as part of the host, but a guest may have broken out into it: every message is checked, and
// nothing it sends can make us touch memory outside of what it gave us.
#ifndef CC_VMM_VHOST_USER_BACKEND_H_
#define CC_VMM_VHOST_USER_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "vmm/vhost_user/message.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/guest_memory.h"

namespace cc::vmm::vhost_user {

class Backend {
 public:
  // `socket` is connected to the front end. `on_close` is called once when the front end has gone or broke
  // the protocol; the queues are stopped by then. Loop and device outlive the back end.
  static absl::StatusOr<std::unique_ptr<Backend>> Create(EventLoop* loop, UniqueFd socket,
                                                         virtio::Device* device,
                                                         std::function<void()> on_close);
  ~Backend();

 private:
  struct Ring {
    uint16_t size = 0;
    uint16_t base = 0;
    VringAddress address{};
    bool has_address = false;
    bool enabled = false;
    bool started = false;
    UniqueFd kick;
    UniqueFd call;
  };
  using Reply = std::vector<std::byte>;

  Backend(EventLoop* loop, UniqueFd socket, virtio::Device* device, std::function<void()> on_close);
  void ReadMessages();
  void Close(const absl::Status& why);
  absl::Status Answer(Message& message);

  // The answer of a request that has one; empty for all others.
  absl::StatusOr<Reply> Handle(Message& message);
  absl::StatusOr<Reply> HandleRing(Message& message);
  absl::StatusOr<Reply> GetConfig(const Message& message) const;
  absl::Status SetFeatures(uint64_t features);
  absl::Status SetMemoryTable(const Message& message);
  absl::Status SetRingFd(Message& message);
  absl::StatusOr<size_t> RingIndex(uint64_t index) const;
  uint64_t OfferedFeatures() const;

  absl::Status StartRing(size_t index);
  void StopRing(size_t index);
  void OnKick(size_t index);
  void Notify(size_t index);
  void NoteActivity();

  EventLoop* const loop_;
  UniqueFd socket_;
  virtio::Device* const device_;
  const std::function<void()> on_close_;
  MessageReader reader_;
  uint64_t features_ = 0;
  uint64_t protocol_features_ = 0;
  std::shared_ptr<const virtio::GuestMemory> memory_;
  std::vector<Ring> rings_;
  UniqueFd idle_timer_;  // armed while guest pages may be mapped here
  bool idle_timer_armed_ = false;
};

}  // namespace cc::vmm::vhost_user

#endif  // CC_VMM_VHOST_USER_BACKEND_H_
