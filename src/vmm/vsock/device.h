// SPDX-License-Identifier: Apache-2.0
// A virtio socket device (virtio 1.2, section 5.10) for one guest: streams only, between the guest and unix
// sockets of the host (host_socket.h). Knows nothing of the transport that brings its queues. Lives on the
// thread of its event loop, which does not block anywhere.
//
// Bounds: kMaxConnections streams, at most one receive buffer of data held for each, and answers to packets
// of unknown streams only as long as the guest gives room for them.
#ifndef CC_VMM_VSOCK_DEVICE_H_
#define CC_VMM_VSOCK_DEVICE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "vmm/virtio/device.h"
#include "vmm/vsock/connection.h"
#include "vmm/vsock/host_socket.h"
#include "vmm/vsock/packet.h"

namespace cc::vmm::vsock {

class VsockDevice : public virtio::Device {
 public:
  static constexpr size_t kMaxConnections = 512;
  static constexpr size_t kMaxResets = 128;

  // Listens on `path` at once. Clients that come before the guest's driver is up are closed.
  static absl::StatusOr<std::unique_ptr<VsockDevice>> Create(EventLoop* loop, uint64_t guest_cid,
                                                             const std::string& path);
  ~VsockDevice() override;

  uint64_t DeviceFeatures() const override { return 0; }
  std::span<const std::byte> Config() const override { return config_; }
  size_t QueueCount() const override { return kQueueCount; }
  void StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) override;
  std::optional<virtio::Virtqueue> StopQueue(size_t index) override;
  void Kick(size_t index) override;
  void Reset() override { CloseAll(); }

  // The guest is gone for good: every stream ends, after the host has got what the guest had sent.
  void CloseAll();

  size_t connections() const { return connections_.size(); }

 private:
  // The third queue is for announcing migrations: nothing is ever put on it.
  static constexpr size_t kReceive = 0, kTransmit = 1, kQueueCount = 3;

  struct Queue {
    virtio::Virtqueue ring;
    std::function<void()> notify;
  };
  using Id = uint64_t;
  struct Stream {
    Connection connection;
    bool queued = false;  // in ready_
  };

  VsockDevice(EventLoop* loop, uint64_t guest_cid, const std::string& path);
  bool driver_up() const { return queues_[kReceive].has_value() && queues_[kTransmit].has_value(); }

  // Guest to host.
  void ProcessTransmit();
  void HandlePacket(const virtio::Chain& chain);
  void HandleStreamPacket(Id id, const PacketHeader& header, const virtio::Chain& chain);
  void HandleRequest(const PacketHeader& header);
  void QueueReset(const PacketHeader& answered);

  // Host to guest.
  void ProcessReceive();
  std::optional<PacketHeader> NextPacket(std::span<const iovec> space);
  void OpenFromHost(UniqueFd socket, uint32_t guest_port);
  void OnSocketEvents(Id id, uint32_t events);

  bool AddStream(Ports ports, UniqueFd socket, Connection::Origin origin);
  void MarkReady(Id id, Stream& stream);
  void Detach(Id id);  // the guest no longer knows the stream
  void Erase(Id id);   // a detached stream has delivered all
  void Break(size_t index, const absl::Status& why);

  EventLoop* const loop_;
  const uint64_t guest_cid_;
  const std::string path_;
  std::array<std::byte, 8> config_;
  std::unique_ptr<HostListener> listener_;
  std::array<std::optional<Queue>, kQueueCount> queues_;
  virtio::Chain chain_;  // reused, as the next one is
  std::vector<iovec> pieces_;

  Id next_id_ = 1;
  uint32_t next_host_port_ = 1U << 30;
  std::map<Id, Stream> connections_;
  std::map<Ports, Id> by_ports_;  // those that the guest knows
  std::deque<Id> ready_;          // may have a packet for the guest; served in turn
  std::deque<PacketHeader> resets_;
  bool limit_logged_ = false;
};

}  // namespace cc::vmm::vsock

#endif  // CC_VMM_VSOCK_DEVICE_H_
