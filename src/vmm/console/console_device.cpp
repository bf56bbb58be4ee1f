// SPDX-License-Identifier: Apache-2.0
#include "vmm/console/console_device.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm {
namespace {

// Buffers handled before other events get their turn.
constexpr int kBatch = 64;

}  // namespace

ConsoleDevice::~ConsoleDevice() {
  if (waiting_) loop_->Remove(output_.get());
}

void ConsoleDevice::StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) {
  queues_[index].emplace(Queue{std::move(queue), std::move(notify)});
  if (index == kTransmit) printed_ = 0;
  Kick(index);
}

std::optional<virtio::Virtqueue> ConsoleDevice::StopQueue(size_t index) {
  std::optional<Queue> queue = std::exchange(queues_[index], std::nullopt);
  if (!queue.has_value()) return std::nullopt;
  return std::move(queue->ring);
}

void ConsoleDevice::Kick(size_t index) {
  if (index == kTransmit && !waiting_) Drain();
}

void ConsoleDevice::Drain() {
  if (!queues_[kTransmit].has_value()) return;
  Queue& queue = *queues_[kTransmit];
  for (int handled = 0; handled < kBatch; ++handled) {
    const absl::StatusOr<bool> popped = queue.ring.Pop(&chain_);
    if (!popped.ok()) {
      log::Error("console device stopped", {{"error", popped.status()}});
      queues_[kTransmit].reset();
      return;
    }
    if (!*popped) {
      if (queue.ring.EnableKicks()) continue;
      if (queue.ring.ShouldNotify()) queue.notify();
      return;
    }
    if (!Print(chain_)) {
      queue.ring.Unpop();
      if (queue.ring.ShouldNotify()) queue.notify();
      return WaitForRoom();
    }
    printed_ = 0;
    queue.ring.Push(chain_.head, 0);
  }
  if (queue.ring.ShouldNotify()) queue.notify();
  loop_->Post([this] { Kick(kTransmit); });
}

bool ConsoleDevice::Print(const virtio::Chain& chain) {
  while (output_ && printed_ < chain.readable_size) {
    pieces_.clear();
    virtio::AppendSlice(chain.readable, printed_, chain.readable_size - printed_, &pieces_);
    const int count = static_cast<int>(std::min<size_t>(pieces_.size(), IOV_MAX));
    const ssize_t n = ::writev(output_.get(), pieces_.data(), count);
    if (n >= 0) {
      printed_ += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      // The reader is gone. The guest goes on without a console.
      output_.reset();
    }
  }
  return true;
}

void ConsoleDevice::WaitForRoom() {
  const absl::Status added = loop_->Add(output_.get(), EPOLLOUT, [this](uint32_t) {
    loop_->Remove(output_.get());
    waiting_ = false;
    Drain();
  });
  waiting_ = added.ok();
  if (!added.ok()) output_.reset();
}

}  // namespace cc::vmm
