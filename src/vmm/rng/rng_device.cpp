// SPDX-License-Identifier: Apache-2.0
#include "vmm/rng/rng_device.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm {
namespace {

// Buffers handled before other events get their turn.
constexpr int kBatch = 16;

// How many random bytes the buffer got; 0 when it takes none.
uint32_t Fill(const virtio::Chain& chain) {
  std::array<std::byte, RngDevice::kMaxBytes> bytes;
  const ssize_t n = ::getrandom(bytes.data(), std::min(bytes.size(), chain.writable_size), 0);
  if (n <= 0) return 0;
  const auto size = static_cast<size_t>(n);
  return static_cast<uint32_t>(virtio::CopyToGuest(std::span(bytes).first(size), chain.writable));
}

}  // namespace

void RngDevice::StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) {
  queue_.emplace(Queue{std::move(queue), std::move(notify)});
  Kick(index);
}

std::optional<virtio::Virtqueue> RngDevice::StopQueue(size_t) {
  std::optional<Queue> queue = std::exchange(queue_, std::nullopt);
  if (!queue.has_value()) return std::nullopt;
  return std::move(queue->ring);
}

void RngDevice::Kick(size_t index) {
  if (!queue_.has_value()) return;
  for (int handled = 0; handled < kBatch; ++handled) {
    const absl::StatusOr<bool> popped = queue_->ring.Pop(&chain_);
    if (!popped.ok()) {
      log::Error("entropy device stopped", {{"error", popped.status()}});
      queue_.reset();
      return;
    }
    if (!*popped) {
      if (queue_->ring.EnableKicks()) continue;
      if (queue_->ring.ShouldNotify()) queue_->notify();
      return;
    }
    queue_->ring.Push(chain_.head, Fill(chain_));
  }
  if (queue_->ring.ShouldNotify()) queue_->notify();
  loop_->Post([this, index] { Kick(index); });
}

}  // namespace cc::vmm
