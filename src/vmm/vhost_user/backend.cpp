// SPDX-License-Identifier: Apache-2.0
#include "vmm/vhost_user/backend.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::vhost_user {
namespace {

constexpr uint64_t kProtocolFeatures = kProtocolMultiQueue | kProtocolReplyAck | kProtocolConfig;
constexpr uint64_t kRingIndexMask = 0xff;
constexpr uint64_t kRingNoFd = 0x100;
constexpr time_t kIdleSeconds = 1;

absl::Status SetNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "make a vhost-user descriptor non-blocking");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> Backend::Create(EventLoop* loop, UniqueFd socket,
                                                         virtio::Device* device,
                                                         std::function<void()> on_close) {
  std::unique_ptr<Backend> backend(new Backend(loop, std::move(socket), device, std::move(on_close)));
  Backend* self = backend.get();
  self->idle_timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!self->idle_timer_) return ErrnoStatus(errno, "create a timer");
  CC_RETURN_IF_ERROR(loop->Add(self->idle_timer_.get(), EPOLLIN, [self](uint32_t) {
    uint64_t expirations;
    [[maybe_unused]] const ssize_t n = ::read(self->idle_timer_.get(), &expirations, sizeof(expirations));
    self->idle_timer_armed_ = false;
    if (self->memory_ != nullptr) self->memory_->ReleasePages();
  }));
  CC_RETURN_IF_ERROR(loop->Add(self->socket_.get(), EPOLLIN, [self](uint32_t) { self->ReadMessages(); }));
  return backend;
}

Backend::Backend(EventLoop* loop, UniqueFd socket, virtio::Device* device, std::function<void()> on_close)
    : loop_(loop),
      socket_(std::move(socket)),
      device_(device),
      on_close_(std::move(on_close)),
      reader_(socket_.get()),
      rings_(device->QueueCount()) {}

Backend::~Backend() {
  loop_->Remove(socket_.get());
  loop_->Remove(idle_timer_.get());
  for (size_t i = 0; i < rings_.size(); ++i) StopRing(i);
}

void Backend::ReadMessages() {
  while (true) {
    absl::StatusOr<std::optional<Message>> message = reader_.Next();
    if (!message.ok()) return Close(message.status());
    if (!message->has_value()) return;
    if (const absl::Status answered = Answer(**message); !answered.ok()) return Close(answered);
  }
}

void Backend::Close(const absl::Status& why) {
  if (!absl::IsCancelled(why)) log::Error("vhost-user connection closed", {{"error", why}});
  loop_->Remove(socket_.get());
  socket_.reset();
  for (size_t i = 0; i < rings_.size(); ++i) StopRing(i);
  memory_.reset();
  on_close_();
}

absl::Status Backend::Answer(Message& message) {
  const absl::StatusOr<Reply> reply = Handle(message);
  if (reply.ok() && !reply->empty()) return SendReply(socket_.get(), message.request, *reply);
  const bool acknowledge =
      (protocol_features_ & kProtocolReplyAck) != 0 && (message.flags & kFlagNeedReply) != 0;
  // Without an acknowledgement the front end would go on in a wrong belief.
  if (!acknowledge) return reply.status();
  if (!reply.ok()) log::Warning("vhost-user request refused", {{"error", reply.status()}});
  return SendReply(socket_.get(), message.request, ToBytes<uint64_t>(reply.ok() ? 0 : 1));
}

absl::StatusOr<Backend::Reply> Backend::Handle(Message& message) {
  switch (message.request) {
    case Request::kGetFeatures:
      return ToBytes(OfferedFeatures());
    case Request::kSetFeatures: {
      CC_ASSIGN_OR_RETURN(const uint64_t features, Parse<uint64_t>(message.payload));
      CC_RETURN_IF_ERROR(SetFeatures(features));
      return Reply{};
    }
    case Request::kSetOwner:
    case Request::kResetOwner:
    case Request::kSetVringError:
      return Reply{};
    case Request::kSetMemoryTable:
      CC_RETURN_IF_ERROR(SetMemoryTable(message));
      return Reply{};
    case Request::kGetProtocolFeatures:
      return ToBytes(kProtocolFeatures);
    case Request::kSetProtocolFeatures: {
      CC_ASSIGN_OR_RETURN(const uint64_t features, Parse<uint64_t>(message.payload));
      protocol_features_ = features & kProtocolFeatures;
      return Reply{};
    }
    case Request::kGetQueueCount:
      return ToBytes(uint64_t{rings_.size()});
    case Request::kGetConfig:
      return GetConfig(message);
    case Request::kSetVringKick:
    case Request::kSetVringCall:
      CC_RETURN_IF_ERROR(SetRingFd(message));
      return Reply{};
    default:
      return HandleRing(message);
  }
}

absl::StatusOr<Backend::Reply> Backend::HandleRing(Message& message) {
  if (message.request == Request::kSetVringAddress) {
    CC_ASSIGN_OR_RETURN(const VringAddress address, Parse<VringAddress>(message.payload));
    CC_ASSIGN_OR_RETURN(const size_t index, RingIndex(address.index));
    rings_[index].address = address;
    rings_[index].has_address = true;
    return Reply{};
  }
  CC_ASSIGN_OR_RETURN(const VringState state, Parse<VringState>(message.payload));
  CC_ASSIGN_OR_RETURN(const size_t index, RingIndex(state.index));
  Ring& ring = rings_[index];
  switch (message.request) {
    case Request::kSetVringSize:
    case Request::kSetVringBase:
      // A running queue keeps the size and place it was started with.
      if (ring.started || state.value > UINT16_MAX) {
        return absl::FailedPreconditionError("vhost-user: queue is running or the value impossible");
      }
      (message.request == Request::kSetVringSize ? ring.size : ring.base) =
          static_cast<uint16_t>(state.value);
      return Reply{};
    case Request::kGetVringBase: {
      StopRing(index);
      ring.kick.reset();
      return ToBytes(VringState{state.index, ring.base});
    }
    case Request::kSetVringEnable:
      ring.enabled = state.value != 0;
      if (!ring.enabled) {
        StopRing(index);
        return Reply{};
      }
      CC_RETURN_IF_ERROR(StartRing(index));
      return Reply{};
    default:
      return absl::UnimplementedError(
          StrCat("vhost-user request ", static_cast<uint32_t>(message.request), " is not supported"));
  }
}

absl::StatusOr<Backend::Reply> Backend::GetConfig(const Message& message) const {
  CC_ASSIGN_OR_RETURN(const ConfigHeader header, Parse<ConfigHeader>(message.payload));
  const std::span<const std::byte> config = device_->Config();
  if (header.size > kMaxConfig || message.payload.size() != sizeof(header) + header.size) {
    return absl::InvalidArgumentError("vhost-user: configuration request of impossible size");
  }
  Reply reply = ToBytes(header);
  for (size_t i = 0; i < header.size; ++i) {
    const size_t at = size_t{header.offset} + i;
    reply.push_back(at < config.size() ? config[at] : std::byte{0});
  }
  return reply;
}

uint64_t Backend::OfferedFeatures() const {
  return device_->DeviceFeatures() | virtio::kFeatureVersion1 | virtio::kFeatureIndirectDescriptors |
         virtio::kFeatureEventIndex | kFeatureProtocolFeatures;
}

absl::Status Backend::SetFeatures(uint64_t features) {
  if ((features & ~OfferedFeatures()) != 0) {
    return absl::InvalidArgumentError("vhost-user: features set that were not offered");
  }
  features_ = features;
  device_->SetFeatures(features);
  if ((features & kFeatureProtocolFeatures) == 0) {
    for (Ring& ring : rings_) ring.enabled = true;
  }
  return absl::OkStatus();
}

absl::Status Backend::SetMemoryTable(const Message& message) {
  CC_ASSIGN_OR_RETURN(const MemoryTableHeader header, Parse<MemoryTableHeader>(message.payload));
  if (header.count == 0 || header.count > kMaxMemoryRegions || header.count != message.fds.size()) {
    return absl::InvalidArgumentError(StrCat("vhost-user: memory table of ", header.count, " regions with ",
                                             message.fds.size(), " descriptors"));
  }
  std::vector<virtio::MemoryRegion> regions;
  for (size_t i = 0; i < header.count; ++i) {
    CC_ASSIGN_OR_RETURN(
        const MemoryTableRegion region,
        Parse<MemoryTableRegion>(message.payload, sizeof(header) + i * sizeof(MemoryTableRegion)));
    regions.push_back({.guest_address = region.guest_address,
                       .size = region.size,
                       .user_address = region.user_address,
                       .fd = message.fds[i].get(),
                       .fd_offset = region.offset});
  }
  CC_ASSIGN_OR_RETURN(auto memory, virtio::GuestMemory::Map(regions));
  // Running queues point into the old mapping: they move to the new one.
  std::vector<size_t> running;
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (!rings_[i].started) continue;
    StopRing(i);
    running.push_back(i);
  }
  memory_ = std::move(memory);
  for (const size_t index : running) CC_RETURN_IF_ERROR(StartRing(index));
  return absl::OkStatus();
}

absl::StatusOr<size_t> Backend::RingIndex(uint64_t index) const {
  if (index >= rings_.size()) {
    return absl::InvalidArgumentError(StrCat("vhost-user: the device has no queue ", index));
  }
  return static_cast<size_t>(index);
}

absl::Status Backend::SetRingFd(Message& message) {
  CC_ASSIGN_OR_RETURN(const uint64_t value, Parse<uint64_t>(message.payload));
  CC_ASSIGN_OR_RETURN(const size_t index, RingIndex(value & kRingIndexMask));
  UniqueFd fd;
  if ((value & kRingNoFd) == 0) {
    if (message.fds.size() != 1) {
      return absl::InvalidArgumentError("vhost-user: queue event without its descriptor");
    }
    fd = std::move(message.fds[0]);
    CC_RETURN_IF_ERROR(SetNonBlocking(fd.get()));
  }
  Ring& ring = rings_[index];
  if (message.request == Request::kSetVringCall) {
    ring.call = std::move(fd);
    // The old descriptor may have been signalled in vain.
    if (ring.started) Notify(index);
    return absl::OkStatus();
  }
  StopRing(index);
  ring.kick = std::move(fd);
  return ring.enabled ? StartRing(index) : absl::OkStatus();
}

absl::Status Backend::StartRing(size_t index) {
  Ring& ring = rings_[index];
  if (ring.started || !ring.enabled || !ring.kick || !ring.has_address || memory_ == nullptr) {
    return absl::OkStatus();
  }
  const virtio::Virtqueue::Layout layout{
      .size = ring.size,
      .descriptors =
          memory_->TranslateUser(ring.address.descriptors, virtio::Virtqueue::DescriptorBytes(ring.size)),
      .available =
          memory_->TranslateUser(ring.address.available, virtio::Virtqueue::AvailableBytes(ring.size)),
      .used = memory_->TranslateUser(ring.address.used, virtio::Virtqueue::UsedBytes(ring.size))};
  const virtio::Virtqueue::Features features{
      .indirect = (features_ & virtio::kFeatureIndirectDescriptors) != 0,
      .event_index = (features_ & virtio::kFeatureEventIndex) != 0};
  CC_ASSIGN_OR_RETURN(virtio::Virtqueue queue,
                      virtio::Virtqueue::Create(memory_, layout, features, ring.base));
  CC_RETURN_IF_ERROR(
      loop_->Add(ring.kick.get(), EPOLLIN | EPOLLET, [this, index](uint32_t) { OnKick(index); }));
  ring.started = true;
  NoteActivity();
  device_->StartQueue(index, std::move(queue), [this, index] { Notify(index); });
  return absl::OkStatus();
}

void Backend::StopRing(size_t index) {
  Ring& ring = rings_[index];
  if (!std::exchange(ring.started, false)) return;
  loop_->Remove(ring.kick.get());
  if (const std::optional<virtio::Virtqueue> queue = device_->StopQueue(index)) {
    ring.base = queue->next_available();
  }
}

void Backend::OnKick(size_t index) {
  eventfd_t value;
  ::eventfd_read(rings_[index].kick.get(), &value);
  NoteActivity();
  device_->Kick(index);
}

void Backend::Notify(size_t index) {
  NoteActivity();
  if (rings_[index].call) ::eventfd_write(rings_[index].call.get(), 1);
}

void Backend::NoteActivity() {
  if (std::exchange(idle_timer_armed_, true)) return;
  const itimerspec after{.it_interval = {}, .it_value = {.tv_sec = kIdleSeconds, .tv_nsec = 0}};
  ::timerfd_settime(idle_timer_.get(), 0, &after, nullptr);
}

}  // namespace cc::vmm::vhost_user
