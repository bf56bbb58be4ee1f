// SPDX-License-Identifier: Apache-2.0
#include "vmm/net/net_device.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm::net {
namespace {

// Frames handled before other events get their turn.
constexpr int kBatch = 64;
constexpr size_t kConfigMtu = 10;

}  // namespace

absl::StatusOr<std::unique_ptr<NetDevice>> NetDevice::Create(EventLoop* loop, Options options) {
  std::unique_ptr<NetDevice> device(new NetDevice(loop, std::move(options)));
  CC_RETURN_IF_ERROR(loop->Add(device->options_.port.fd.get(), EPOLLIN | EPOLLOUT | EPOLLET,
                               [self = device.get()](uint32_t events) { self->OnPort(events); }));
  return device;
}

NetDevice::NetDevice(EventLoop* loop, Options options) : loop_(loop), options_(std::move(options)) {
  std::memcpy(config_.data(), options_.mac.data(), options_.mac.size());
  std::memcpy(config_.data() + kConfigMtu, &options_.mtu, sizeof(options_.mtu));
}

NetDevice::~NetDevice() { loop_->Remove(options_.port.fd.get()); }

uint64_t NetDevice::DeviceFeatures() const {
  return kFeatureMac | kFeatureMergeBuffers | (options_.mtu != 0 ? kFeatureMtu : 0) | options_.port.offloads;
}

void NetDevice::SetFeatures(uint64_t features) {
  features_ = features;
  const absl::Status set = options_.port.set_features(features);
  usable_ = set.ok();
  if (!usable_) {
    log::Error("network device not started", {{"device", options_.name}, {"error", set}});
  }
}

void NetDevice::StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) {
  if (!usable_) return;
  queues_[index].emplace(Queue{std::move(queue), std::move(notify)});
  Serve(index);
}

std::optional<virtio::Virtqueue> NetDevice::StopQueue(size_t index) {
  std::optional<Queue> queue = std::exchange(queues_[index], std::nullopt);
  if (!queue.has_value()) return std::nullopt;
  if (index == kReceive) receiver_.Abandon(queue->ring);
  return std::move(queue->ring);
}

void NetDevice::Kick(size_t index) { Serve(index); }

void NetDevice::OnPort(uint32_t events) {
  if ((events & ~EPOLLOUT) != 0) {
    readable_ = true;
    Serve(kReceive);
  }
  if ((events & EPOLLOUT) != 0 && !std::exchange(writable_, true)) Serve(kTransmit);
}

void NetDevice::Serve(size_t index) {
  if (!queues_[index].has_value()) return;
  Queue& queue = *queues_[index];
  Step step = Step::kMore;
  for (int handled = 0; handled < kBatch && step == Step::kMore; ++handled) {
    step = index == kReceive ? ReceiveOne(queue.ring) : TransmitOne(queue.ring);
  }
  if (step == Step::kBroken) return;
  if (queue.ring.ShouldNotify()) queue.notify();
  if (step == Step::kMore) loop_->Post([this, index] { Serve(index); });
}

NetDevice::Step NetDevice::Broken(size_t index, const absl::Status& status) {
  log::Error("network device stopped a queue",
             {{"device", options_.name}, {"queue", index}, {"error", status}});
  if (index == kReceive) receiver_.Clear();
  queues_[index].reset();
  return Step::kBroken;
}

NetDevice::Step NetDevice::ReceiveOne(virtio::Virtqueue& ring) {
  if (!receiver_.loaded()) {
    // Without a buffer the frame stays where the kernel counts it, and drops it when it is too many.
    if (!readable_ || (!receiver_.holds_buffers() && !ring.EnableKicks())) return Step::kWait;
    const std::span<std::byte> room = receiver_.room();
    const ssize_t n = ::read(options_.port.fd.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) return Step::kMore;
    if (n <= 0) {
      readable_ = false;
      return Step::kWait;
    }
    if (static_cast<size_t>(n) < kHeaderSize + kMinFrame) return Step::kMore;
    receiver_.Loaded(static_cast<size_t>(n));
  }
  const absl::StatusOr<bool> delivered = receiver_.Deliver(ring, (features_ & kFeatureMergeBuffers) != 0);
  if (!delivered.ok()) return Broken(kReceive, delivered.status());
  return *delivered || ring.EnableKicks() ? Step::kMore : Step::kWait;
}

NetDevice::Step NetDevice::TransmitOne(virtio::Virtqueue& ring) {
  if (!writable_) return Step::kWait;
  const absl::StatusOr<bool> popped = ring.Pop(&chain_);
  if (!popped.ok()) return Broken(kTransmit, popped.status());
  if (!*popped) return ring.EnableKicks() ? Step::kMore : Step::kWait;
  if (!Send(chain_)) {
    ring.Unpop();
    writable_ = false;
    return Step::kWait;
  }
  ring.Push(chain_.head, 0);
  return Step::kMore;
}

bool NetDevice::Send(const virtio::Chain& chain) {
  if (chain.readable_size < kHeaderSize + kMinFrame || chain.readable_size > kHeaderSize + kMaxFrame) {
    return true;
  }
  const size_t size = chain.readable_size - kHeaderSize;
  FrameHeader header;
  virtio::CopyFromGuest(chain.readable, std::as_writable_bytes(std::span(&header, 1)));
  if (!AcceptHeader(&header, size, features_)) return true;
  pieces_.clear();
  pieces_.push_back({&header, sizeof(header)});
  virtio::AppendSlice(chain.readable, kHeaderSize, size, &pieces_);
  if (pieces_.size() > IOV_MAX) return true;
  while (true) {
    const ssize_t n = ::writev(options_.port.fd.get(), pieces_.data(), static_cast<int>(pieces_.size()));
    if (n >= 0 || (errno != EINTR && errno != EAGAIN)) return true;
    if (errno == EAGAIN) return false;
  }
}

}  // namespace cc::vmm::net
