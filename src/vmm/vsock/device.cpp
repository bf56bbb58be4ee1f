// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/device.h"

#include <sys/epoll.h>

#include <bit>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm::vsock {
namespace {

// Buffers handled before other events get their turn.
constexpr int kBatch = 512;

}  // namespace

absl::StatusOr<std::unique_ptr<VsockDevice>> VsockDevice::Create(EventLoop* loop, uint64_t guest_cid,
                                                                 const std::string& path) {
  std::unique_ptr<VsockDevice> device(new VsockDevice(loop, guest_cid, path));
  VsockDevice* self = device.get();
  CC_ASSIGN_OR_RETURN(device->listener_,
                      HostListener::Create(loop, path, [self](UniqueFd socket, uint32_t port) {
                        self->OpenFromHost(std::move(socket), port);
                      }));
  return device;
}

VsockDevice::VsockDevice(EventLoop* loop, uint64_t guest_cid, const std::string& path)
    : loop_(loop),
      guest_cid_(guest_cid),
      path_(path),
      config_(std::bit_cast<std::array<std::byte, 8>>(guest_cid)) {}

VsockDevice::~VsockDevice() {
  for (const auto& [id, stream] : connections_) loop_->Remove(stream.connection.socket());
}

void VsockDevice::StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) {
  queues_[index].emplace(Queue{std::move(queue), std::move(notify)});
  if (!driver_up()) return;
  ProcessTransmit();
  ProcessReceive();
}

std::optional<virtio::Virtqueue> VsockDevice::StopQueue(size_t index) {
  std::optional<Queue> queue = std::exchange(queues_[index], std::nullopt);
  if (!queue.has_value()) return std::nullopt;
  return std::move(queue->ring);
}

void VsockDevice::Kick(size_t index) {
  if (index == kTransmit) ProcessTransmit();
  ProcessReceive();
}

void VsockDevice::Break(size_t index, const absl::Status& why) {
  log::Error("vsock device stopped", {{"queue", index}, {"error", why}});
  queues_[index].reset();
  CloseAll();
}

void VsockDevice::CloseAll() {
  resets_.clear();
  while (!by_ports_.empty()) Detach(by_ports_.begin()->second);
}

// --- From the guest -------------------------------------------------------------------------------------

void VsockDevice::ProcessTransmit() {
  for (int handled = 0; driver_up(); ++handled) {
    Queue& queue = *queues_[kTransmit];
    // An answer may be needed for each packet: without room for one, packets wait in the ring until the guest
    // has made room (ProcessReceive comes back here).
    const bool may_take = resets_.size() < kMaxResets && handled < kBatch;
    const absl::StatusOr<bool> popped = may_take ? queue.ring.Pop(&chain_) : false;
    if (!popped.ok()) return Break(kTransmit, popped.status());
    if (*popped) {
      HandlePacket(chain_);
      queue.ring.Push(chain_.head, 0);
      continue;
    }
    if (queue.ring.ShouldNotify()) queue.notify();
    if (handled == kBatch) {
      loop_->Post([this] { Kick(kTransmit); });
      return;
    }
    if (!may_take || !queue.ring.EnableKicks()) return;
  }
}

void VsockDevice::HandlePacket(const virtio::Chain& chain) {
  HeaderBytes bytes;
  if (virtio::CopyFromGuest(chain.readable, bytes) != bytes.size()) return;
  const PacketHeader header = Decode(bytes);
  if (header.source_cid != guest_cid_) return;
  const bool fits = header.length <= kMaxPayload && header.length <= chain.readable_size - kHeaderSize;
  if (!fits || header.target_cid != kHostCid || header.type != kTypeStream) return QueueReset(header);

  const auto found = by_ports_.find({.host = header.target_port, .guest = header.source_port});
  if (found != by_ports_.end()) {
    HandleStreamPacket(found->second, header, chain);
  } else if (header.operation == Operation::kRequest) {
    HandleRequest(header);
  } else {
    QueueReset(header);
  }
}

void VsockDevice::HandleStreamPacket(Id id, const PacketHeader& header, const virtio::Chain& chain) {
  Stream& stream = connections_.at(id);
  Connection& connection = stream.connection;
  connection.UpdateCredit(header);
  bool valid = true;
  switch (header.operation) {
    case Operation::kResponse:
      valid = connection.OnResponse();
      break;
    case Operation::kData: {
      pieces_.clear();
      virtio::AppendSlice(chain.readable, kHeaderSize, header.length, &pieces_);
      valid = connection.OnData(pieces_, header.length);
      break;
    }
    case Operation::kShutdown:
      connection.OnShutdown(header.flags);
      if (connection.guest_is_done()) {
        QueueReset(header);
        return Detach(id);
      }
      break;
    case Operation::kReset:
      return Detach(id);
    case Operation::kCreditUpdate:
      break;
    case Operation::kCreditRequest:
      connection.OnCreditRequest();
      break;
    default:
      valid = false;
  }
  if (!valid) {
    QueueReset(header);
    return Detach(id);
  }
  MarkReady(id, stream);
}

void VsockDevice::HandleRequest(const PacketHeader& header) {
  absl::StatusOr<UniqueFd> socket = ConnectPort(path_, header.target_port);
  if (!socket.ok()) return QueueReset(header);
  const Ports ports{.host = header.target_port, .guest = header.source_port};
  if (!AddStream(ports, *std::move(socket), Connection::Origin::kGuest)) return QueueReset(header);
  connections_.at(by_ports_.at(ports)).connection.UpdateCredit(header);
}

void VsockDevice::QueueReset(const PacketHeader& answered) {
  if (answered.operation == Operation::kReset) return;
  resets_.push_back({.source_cid = answered.target_cid,
                     .target_cid = answered.source_cid,
                     .source_port = answered.target_port,
                     .target_port = answered.source_port,
                     .type = answered.type,
                     .operation = Operation::kReset});
}

// --- To the guest ---------------------------------------------------------------------------------------

void VsockDevice::ProcessReceive() {
  const bool answers_were_full = resets_.size() >= kMaxResets;
  for (int handled = 0; driver_up() && !(ready_.empty() && resets_.empty()); ++handled) {
    Queue& queue = *queues_[kReceive];
    const absl::StatusOr<bool> popped = handled < kBatch ? queue.ring.Pop(&chain_) : false;
    if (!popped.ok()) return Break(kReceive, popped.status());
    if (!*popped) {
      if (queue.ring.ShouldNotify()) queue.notify();
      if (handled == kBatch) {
        loop_->Post([this] { ProcessReceive(); });
        break;
      }
      if (!queue.ring.EnableKicks()) break;
      continue;
    }
    queue.ring.DisableKicks();
    if (chain_.writable_size <= kHeaderSize) {
      queue.ring.Push(chain_.head, 0);
      continue;
    }
    pieces_.clear();
    virtio::AppendSlice(chain_.writable, kHeaderSize, chain_.writable_size, &pieces_);
    std::optional<PacketHeader> packet = NextPacket(pieces_);
    if (!packet.has_value()) {
      queue.ring.Unpop();
      continue;
    }
    const HeaderBytes bytes = Encode(*packet);
    virtio::CopyToGuest(bytes, chain_.writable);
    queue.ring.Push(chain_.head, static_cast<uint32_t>(kHeaderSize + packet->length));
  }
  if (queues_[kReceive].has_value() && queues_[kReceive]->ring.ShouldNotify()) queues_[kReceive]->notify();
  if (answers_were_full && resets_.size() < kMaxResets) loop_->Post([this] { Kick(kTransmit); });
}

std::optional<PacketHeader> VsockDevice::NextPacket(std::span<const iovec> space) {
  if (!resets_.empty()) {
    const PacketHeader reset = resets_.front();
    resets_.pop_front();
    return reset;
  }
  while (!ready_.empty()) {
    const Id id = ready_.front();
    ready_.pop_front();
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    Stream& stream = found->second;
    stream.queued = false;
    std::optional<PacketHeader> packet = stream.connection.NextPacket(space);
    MarkReady(id, stream);
    if (!packet.has_value()) continue;
    packet->target_cid = guest_cid_;
    return packet;
  }
  return std::nullopt;
}

void VsockDevice::OpenFromHost(UniqueFd socket, uint32_t guest_port) {
  if (!driver_up()) return;
  Ports ports{.host = 0, .guest = guest_port};
  do {
    ports.host = next_host_port_;
    next_host_port_ = next_host_port_ == UINT32_MAX ? 1U << 30 : next_host_port_ + 1;
  } while (by_ports_.contains(ports));
  if (AddStream(ports, std::move(socket), Connection::Origin::kHost)) ProcessReceive();
}

void VsockDevice::OnSocketEvents(Id id, uint32_t events) {
  Stream& stream = connections_.at(id);
  stream.connection.OnSocketEvents(events);
  if (stream.connection.drained()) return Erase(id);
  MarkReady(id, stream);
  ProcessReceive();
}

// --- Streams --------------------------------------------------------------------------------------------

bool VsockDevice::AddStream(Ports ports, UniqueFd socket, Connection::Origin origin) {
  if (connections_.size() >= kMaxConnections) {
    // Once: the guest decides how often this happens, not how much we write.
    if (!std::exchange(limit_logged_, true)) {
      log::Warning("vsock streams refused from now on", {{"limit", kMaxConnections}});
    }
    return false;
  }
  const Id id = next_id_++;
  const int fd = socket.get();
  const absl::Status added = loop_->Add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                        [this, id](uint32_t events) { OnSocketEvents(id, events); });
  if (!added.ok()) {
    log::Warning("vsock stream refused", {{"error", added}});
    return false;
  }
  Stream& stream =
      connections_.emplace(id, Stream{Connection(ports, std::move(socket), origin)}).first->second;
  by_ports_[ports] = id;
  MarkReady(id, stream);
  return true;
}

void VsockDevice::MarkReady(Id id, Stream& stream) {
  if (stream.queued || !stream.connection.HasPacket()) return;
  stream.queued = true;
  ready_.push_back(id);
}

void VsockDevice::Detach(Id id) {
  Stream& stream = connections_.at(id);
  by_ports_.erase(stream.connection.ports());
  if (std::exchange(stream.queued, false)) std::erase(ready_, id);
  stream.connection.Detach();
  if (stream.connection.drained()) Erase(id);
}

void VsockDevice::Erase(Id id) {
  const auto found = connections_.find(id);
  loop_->Remove(found->second.connection.socket());
  connections_.erase(found);
}

}  // namespace cc::vmm::vsock
