// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio_mmio/transport.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::virtio {
namespace {

// virtio 1.2, section 4.2.2, "MMIO Device Register Layout".
enum Register : uint64_t {
  kMagic = 0x00,
  kVersion = 0x04,
  kDeviceId = 0x08,
  kVendorId = 0x0c,
  kDeviceFeatures = 0x10,
  kDeviceFeaturesPage = 0x14,
  kDriverFeatures = 0x20,
  kDriverFeaturesPage = 0x24,
  kQueueSelect = 0x30,
  kQueueSizeMax = 0x34,
  kQueueSize = 0x38,
  kQueueReady = 0x44,
  kInterruptStatus = 0x60,
  kInterruptAcknowledge = 0x64,
  kStatus = 0x70,
  kQueueDescriptors = 0x80,
  kQueueAvailable = 0x90,
  kQueueUsed = 0xa0,
  kSharedMemoryLength = 0xb0,  // two words each; all ones: there is none
  kSharedMemoryBase = 0xb8,
  kConfigGeneration = 0xfc,
  kConfig = 0x100,
};
constexpr uint32_t kMagicValue = 0x74726976, kVersionValue = 2, kVendorValue = 0x4343544b;  // "virt", "KTCC"
constexpr uint32_t kFeaturesOk = 8, kDriverOk = 4, kNeedsReset = 64;
constexpr uint32_t kUsedBuffer = 1, kConfigChange = 2;

void SetHalf(uint64_t* word, bool high, uint32_t value) {
  const int shift = high ? 32 : 0;
  *word = (*word & ~(uint64_t{UINT32_MAX} << shift)) | uint64_t{value} << shift;
}

std::vector<std::byte> CopyOf(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

absl::StatusOr<std::unique_ptr<MmioTransport>> MmioTransport::Create(Options options) {
  std::unique_ptr<MmioTransport> transport(new MmioTransport(std::move(options)));
  MmioTransport* self = transport.get();
  for (size_t i = 0; i < self->queues_.size(); ++i) {
    Queue& queue = self->queues_[i];
    queue.kick.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!queue.kick) return ErrnoStatus(errno, "create an eventfd");
    CC_RETURN_IF_ERROR(self->options_.loop->Add(queue.kick.get(), EPOLLIN | EPOLLET, [self, i](uint32_t) {
      if (self->queues_[i].running) self->options_.device->Kick(i);
    }));
  }
  return transport;
}

MmioTransport::MmioTransport(Options options)
    : options_(std::move(options)),
      device_features_(options_.device->DeviceFeatures()),
      config_(CopyOf(options_.device->Config())),
      queues_(options_.device->QueueCount()) {}

MmioTransport::~MmioTransport() {
  StopQueues();
  for (const Queue& queue : queues_) options_.loop->Remove(queue.kick.get());
}

void MmioTransport::Read(uint64_t offset, std::span<std::byte> data) {
  std::memset(data.data(), 0, data.size());
  if (offset >= kConfig) {
    for (size_t i = 0; i < data.size(); ++i) {
      const uint64_t at = offset - kConfig + i;
      if (at < config_.size()) data[i] = config_[at];
    }
    return;
  }
  if (data.size() != 4 || offset % 4 != 0) return;
  const uint32_t value = ReadRegister(offset);
  std::memcpy(data.data(), &value, sizeof(value));
}

void MmioTransport::Write(uint64_t offset, std::span<const std::byte> data) {
  if (data.size() != 4 || offset % 4 != 0) return;
  uint32_t value;
  std::memcpy(&value, data.data(), sizeof(value));
  WriteRegister(offset, value);
}

uint64_t MmioTransport::OfferedFeatures() const {
  return device_features_ | kFeatureVersion1 | kFeatureAccessPlatform | kFeatureIndirectDescriptors |
         kFeatureEventIndex;
}

uint32_t MmioTransport::ReadRegister(uint64_t offset) {
  // On the path of each interrupt: without the lock.
  if (offset == kInterruptStatus) return interrupt_status_.load();
  const std::lock_guard lock(mutex_);
  const Queue* queue = queue_selected_ < queues_.size() ? &queues_[queue_selected_] : nullptr;
  switch (offset) {
    case kMagic:
      return kMagicValue;
    case kVersion:
      return kVersionValue;
    case kDeviceId:
      return static_cast<uint32_t>(options_.type);
    case kVendorId:
      return kVendorValue;
    case kDeviceFeatures:
      if (device_features_page_ > 1) return 0;
      return static_cast<uint32_t>(OfferedFeatures() >> (32 * device_features_page_));
    case kQueueSizeMax:
      return queue != nullptr ? kMaxQueueSize : 0;
    case kQueueReady:
      return queue != nullptr && queue->ready ? 1 : 0;
    case kStatus:
      return status_;
    case kSharedMemoryLength:
    case kSharedMemoryLength + 4:
    case kSharedMemoryBase:
    case kSharedMemoryBase + 4:
      return UINT32_MAX;
    default:  // kConfigGeneration too: the configuration does not change
      return 0;
  }
}

void MmioTransport::WriteRegister(uint64_t offset, uint32_t value) {
  if (offset == kInterruptAcknowledge) {
    interrupt_status_.fetch_and(~value);
    return;
  }
  if (offset == kQueueNotify) {
    if (value < queues_.size()) ::eventfd_write(queues_[value].kick.get(), 1);
    return;
  }
  const std::lock_guard lock(mutex_);
  switch (offset) {
    case kDeviceFeaturesPage:
      device_features_page_ = value;
      return;
    case kDriverFeaturesPage:
      driver_features_page_ = value;
      return;
    case kDriverFeatures:
      if (driver_features_page_ <= 1 && (status_ & kFeaturesOk) == 0) {
        SetHalf(&driver_features_, driver_features_page_ == 1, value);
      }
      return;
    case kQueueSelect:
      queue_selected_ = value;
      return;
    case kStatus:
      WriteStatus(value);
      return;
    default:
      WriteQueueRegister(offset, value);
  }
}

void MmioTransport::WriteQueueRegister(uint64_t offset, uint32_t value) {
  if ((status_ & kDriverOk) != 0 || queue_selected_ >= queues_.size()) return;
  Queue& queue = queues_[queue_selected_];
  if (offset == kQueueReady) {
    queue.ready = value == 1;
    return;
  }
  if (queue.ready) return;
  switch (offset) {
    case kQueueSize:
      queue.size = value;
      return;
    case kQueueDescriptors:
    case kQueueDescriptors + 4:
      return SetHalf(&queue.descriptors, offset != kQueueDescriptors, value);
    case kQueueAvailable:
    case kQueueAvailable + 4:
      return SetHalf(&queue.available, offset != kQueueAvailable, value);
    case kQueueUsed:
    case kQueueUsed + 4:
      return SetHalf(&queue.used, offset != kQueueUsed, value);
    default:
      return;
  }
}

bool MmioTransport::AcceptsFeatures() const {
  // Without VERSION_1 and ACCESS_PLATFORM a driver would use other layouts and, in a Realm, private memory.
  constexpr uint64_t kRequired = kFeatureVersion1 | kFeatureAccessPlatform;
  return (driver_features_ & ~OfferedFeatures()) == 0 && (driver_features_ & kRequired) == kRequired;
}

void MmioTransport::WriteStatus(uint32_t value) {
  if (value == 0) {
    OnLoop([this] {
      StopQueues();
      options_.device->Reset();
    });
    status_ = 0;
    driver_features_ = 0;
    device_features_page_ = driver_features_page_ = queue_selected_ = 0;
    interrupt_status_.store(0);
    for (Queue& queue : queues_) {
      queue.size = 0;
      queue.ready = false;
      queue.descriptors = queue.available = queue.used = 0;
    }
    return;
  }
  const uint32_t before = status_;
  uint32_t added = value & 0xff & ~before & ~kNeedsReset;
  // A driver sees the refusal in the bit that stays away.
  if ((added & kFeaturesOk) != 0 && !AcceptsFeatures()) added &= ~kFeaturesOk;
  if (((before | added) & kFeaturesOk) == 0) added &= ~kDriverOk;
  status_ |= added;
  if ((added & kDriverOk) == 0) return;
  absl::Status started;
  OnLoop([&] { started = StartQueues(); });
  if (started.ok()) return;
  log::Warning("virtio device not started", {{"device", options_.name}, {"error", started}});
  status_ |= kNeedsReset;
  OnLoop([this] { Interrupt(kConfigChange); });
}

void MmioTransport::OnLoop(std::function<void()> task) {
  std::promise<void> done;
  options_.loop->Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

// The poster holds mutex_ and waits, so the fields of the queues do not change meanwhile.
absl::Status MmioTransport::StartQueues() {
  const Virtqueue::Features features{.indirect = (driver_features_ & kFeatureIndirectDescriptors) != 0,
                                     .event_index = (driver_features_ & kFeatureEventIndex) != 0};
  std::vector<std::pair<size_t, Virtqueue>> ready;
  for (size_t i = 0; i < queues_.size(); ++i) {
    const Queue& queue = queues_[i];
    if (!queue.ready) continue;
    if (queue.size == 0 || queue.size > kMaxQueueSize) {
      return absl::InvalidArgumentError(StrCat("queue ", i, " of ", queue.size, " entries"));
    }
    const auto size = static_cast<uint16_t>(queue.size);
    const GuestMemory& memory = *options_.memory;
    const Virtqueue::Layout layout{
        .size = size,
        .descriptors = memory.TranslateOne(queue.descriptors, Virtqueue::DescriptorBytes(size)),
        .available = memory.TranslateOne(queue.available, Virtqueue::AvailableBytes(size)),
        .used = memory.TranslateOne(queue.used, Virtqueue::UsedBytes(size))};
    CC_ASSIGN_OR_RETURN(Virtqueue ring, Virtqueue::Create(options_.memory, layout, features, 0));
    ready.emplace_back(i, std::move(ring));
  }
  options_.device->SetFeatures(driver_features_);
  for (auto& [index, ring] : ready) {
    queues_[index].running = true;
    options_.device->StartQueue(index, std::move(ring), [this] { Interrupt(kUsedBuffer); });
  }
  return absl::OkStatus();
}

void MmioTransport::StopQueues() {
  for (size_t i = 0; i < queues_.size(); ++i) {
    if (std::exchange(queues_[i].running, false)) options_.device->StopQueue(i);
  }
}

void MmioTransport::Interrupt(uint32_t cause) {
  interrupt_status_.fetch_or(cause);
  options_.interrupt();
}

}  // namespace cc::vmm::virtio
