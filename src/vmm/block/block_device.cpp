// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/block_device.h"

#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace cc::vmm::block {
namespace {

// virtio 1.2, section 5.2.3.
constexpr uint64_t kFeatureSegmentMax = uint64_t{1} << 2;
constexpr uint64_t kFeatureReadOnly = uint64_t{1} << 5;
constexpr uint64_t kFeatureFlush = uint64_t{1} << 9;
// Of a queue of 256 descriptors, without those of header and status.
constexpr uint32_t kMaxSegments = 254;
constexpr size_t kConfigSegmentMax = 12;

}  // namespace

absl::StatusOr<std::unique_ptr<BlockDevice>> BlockDevice::Create(EventLoop* loop, DiskFile disk,
                                                                 std::string name) {
  std::unique_ptr<BlockDevice> device(new BlockDevice(loop, std::move(disk), std::move(name)));
  CC_ASSIGN_OR_RETURN(device->thread_, Thread::Start(device->name_, [self = device.get()] { self->Work(); }));
  return device;
}

BlockDevice::BlockDevice(EventLoop* loop, DiskFile disk, std::string name)
    : loop_(loop), name_(std::move(name)), alive_(std::make_shared<bool>(true)), disk_(std::move(disk)) {
  const uint64_t sectors = disk_.sectors();
  std::memcpy(config_.data(), &sectors, sizeof(sectors));
  std::memcpy(config_.data() + kConfigSegmentMax, &kMaxSegments, sizeof(kMaxSegments));
}

BlockDevice::~BlockDevice() {
  Quiesce();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.Join();
}

uint64_t BlockDevice::DeviceFeatures() const {
  return kFeatureSegmentMax | (disk_.read_only() ? kFeatureReadOnly : kFeatureFlush);
}

void BlockDevice::StartQueue(size_t, virtio::Virtqueue queue, std::function<void()> notify) {
  queue_.emplace(Queue{std::move(queue), std::move(notify)});
  Fill();
}

std::optional<virtio::Virtqueue> BlockDevice::StopQueue(size_t) {
  const size_t not_begun = Quiesce();
  if (!queue_.has_value()) return std::nullopt;
  PushFinished();
  for (size_t i = 0; i < not_begun; ++i) queue_->ring.Unpop();
  in_flight_ = 0;
  std::optional<Queue> queue = std::exchange(queue_, std::nullopt);
  return std::move(queue->ring);
}

void BlockDevice::Kick(size_t) { Fill(); }

void BlockDevice::Fill() {
  while (queue_.has_value() && in_flight_ < kMaxInFlight) {
    std::unique_ptr<Request> request;
    if (spare_.empty()) {
      request = std::make_unique<Request>();
    } else {
      request = std::move(spare_.back());
      spare_.pop_back();
    }
    const absl::StatusOr<bool> popped = queue_->ring.Pop(&request->chain);
    if (!popped.ok()) {
      log::Error("block device stopped", {{"device", name_}, {"error", popped.status()}});
      Quiesce();
      {
        const std::lock_guard lock(mutex_);
        finished_.clear();
      }
      in_flight_ = 0;
      queue_.reset();
      return;
    }
    if (!*popped) {
      spare_.push_back(std::move(request));
      if (queue_->ring.EnableKicks()) continue;
      return;
    }
    ++in_flight_;
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(request));
    changed_.notify_all();
  }
}

void BlockDevice::Complete() {
  if (!queue_.has_value()) return;
  PushFinished();
  if (queue_->ring.ShouldNotify()) queue_->notify();
  Fill();
}

void BlockDevice::PushFinished() {
  Requests finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (std::unique_ptr<Request>& request : finished) {
    queue_->ring.Push(request->chain.head, request->written);
    --in_flight_;
    spare_.push_back(std::move(request));
  }
}

size_t BlockDevice::Quiesce() {
  std::unique_lock lock(mutex_);
  const size_t not_begun = waiting_.size();
  waiting_.clear();
  changed_.wait(lock, [this] { return !working_; });
  return not_begun;
}

void BlockDevice::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    std::unique_ptr<Request> request = std::move(waiting_.front());
    waiting_.pop_front();
    working_ = true;
    lock.unlock();
    request->written = disk_.Serve(request->chain);
    lock.lock();
    working_ = false;
    const bool first = finished_.empty();
    finished_.push_back(std::move(request));
    changed_.notify_all();
    if (!first) continue;
    loop_->Post([this, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) Complete();
    });
  }
}

}  // namespace cc::vmm::block
