// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/virtqueue.h"

#include <bit>
#include <limits>

#include "base/status.h"
#include "base/strings.h"
#include "vmm/virtio/guest_access.h"

namespace cc::vmm::virtio {
namespace {

constexpr uint16_t kDescriptorNext = 1;
constexpr uint16_t kDescriptorWrite = 2;
constexpr uint16_t kDescriptorIndirect = 4;
constexpr uint16_t kAvailableNoInterrupt = 1;
constexpr uint16_t kUsedNoNotify = 1;
constexpr size_t kDescriptorSize = 16;
constexpr size_t kRingIndex = 2;    // offset of the running index in both rings
constexpr size_t kRingEntries = 4;  // offset of the first entry

bool Aligned(std::span<const std::byte> bytes, size_t alignment) {
  return reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0;
}

absl::Status Broken(std::string_view why) {
  return absl::InvalidArgumentError(StrCat("the guest's driver broke a virtqueue: ", why));
}

}  // namespace

absl::StatusOr<Virtqueue> Virtqueue::Create(std::shared_ptr<const GuestMemory> memory, const Layout& layout,
                                            Features features, uint16_t next_available) {
  if (!std::has_single_bit(layout.size) || layout.size > kMaxSize) {
    return absl::InvalidArgumentError(
        StrCat("virtqueue of ", layout.size, " entries; a power of two up to ", kMaxSize, " is possible"));
  }
  if (layout.descriptors.size() < DescriptorBytes(layout.size) ||
      layout.available.size() < AvailableBytes(layout.size) || layout.used.size() < UsedBytes(layout.size)) {
    return absl::InvalidArgumentError("virtqueue rings are not in guest memory");
  }
  if (!Aligned(layout.descriptors, 16) || !Aligned(layout.available, 2) || !Aligned(layout.used, 4)) {
    return absl::InvalidArgumentError("virtqueue rings are misaligned");
  }
  return Virtqueue(std::move(memory), layout, features, next_available);
}

Virtqueue::Virtqueue(std::shared_ptr<const GuestMemory> memory, const Layout& layout, Features features,
                     uint16_t next_available)
    : memory_(std::move(memory)),
      layout_(layout),
      features_(features),
      next_available_(next_available),
      next_used_(LoadAcquire<uint16_t>(layout.used.data() + kRingIndex)),
      notified_used_(next_used_) {}

uint16_t Virtqueue::AvailableIndex() const {
  return LoadAcquire<uint16_t>(layout_.available.data() + kRingIndex);
}

Virtqueue::Descriptor Virtqueue::ReadDescriptor(std::span<const std::byte> table, size_t index) {
  // SAFETY: callers check index against the table, and tables are 16-byte aligned or copied to such memory.
  const std::byte* at = table.data() + index * kDescriptorSize;
  const uint64_t address = LoadRelaxed<uint64_t>(at);
  const uint64_t rest = LoadRelaxed<uint64_t>(at + 8);
  return {.address = address,
          .length = static_cast<uint32_t>(rest),
          .flags = static_cast<uint16_t>(rest >> 32),
          .next = static_cast<uint16_t>(rest >> 48)};
}

absl::StatusOr<bool> Virtqueue::Pop(Chain* chain) {
  const uint16_t waiting = static_cast<uint16_t>(AvailableIndex() - next_available_);
  if (waiting == 0) return false;
  if (waiting > layout_.size) return Broken(StrCat(waiting, " buffers in a ring of ", layout_.size));
  const size_t slot = next_available_ & (layout_.size - 1U);
  chain->head = LoadRelaxed<uint16_t>(layout_.available.data() + kRingEntries + 2 * slot);
  chain->readable.clear();
  chain->writable.clear();
  chain->readable_size = 0;
  chain->writable_size = 0;
  size_t budget = layout_.size;
  CC_RETURN_IF_ERROR(Walk(layout_.descriptors, layout_.size, chain->head, false, &budget, chain));
  ++next_available_;
  return true;
}

absl::Status Virtqueue::Walk(std::span<const std::byte> table, size_t entries, size_t index, bool in_indirect,
                             size_t* budget, Chain* chain) const {
  while (true) {
    if (index >= entries) return Broken("descriptor index out of range");
    if ((*budget)-- == 0) return Broken("descriptor chain longer than the queue");
    const Descriptor descriptor = ReadDescriptor(table, index);
    if ((descriptor.flags & kDescriptorIndirect) != 0) {
      if (!features_.indirect || in_indirect || (descriptor.flags & kDescriptorNext) != 0) {
        return Broken("indirect descriptor where none is allowed");
      }
      const size_t indirect_entries = descriptor.length / kDescriptorSize;
      if (descriptor.length % kDescriptorSize != 0 || indirect_entries == 0 ||
          indirect_entries > layout_.size) {
        return Broken("indirect table of impossible size");
      }
      const std::span<std::byte> indirect = memory_->TranslateOne(descriptor.address, descriptor.length);
      if (indirect.empty() || !Aligned(indirect, 8)) return Broken("indirect table outside of memory");
      // The chain is what the table has; this descriptor only points to it. Linux fills tables to the last.
      ++*budget;
      return Walk(indirect, indirect_entries, 0, true, budget, chain);
    }
    CC_RETURN_IF_ERROR(AddBuffer(descriptor, chain));
    if ((descriptor.flags & kDescriptorNext) == 0) return absl::OkStatus();
    index = descriptor.next;
  }
}

absl::Status Virtqueue::AddBuffer(const Descriptor& descriptor, Chain* chain) const {
  const bool writable = (descriptor.flags & kDescriptorWrite) != 0;
  if (!writable && !chain->writable.empty()) return Broken("readable descriptor behind a writable one");
  if (!memory_->Translate(descriptor.address, descriptor.length,
                          writable ? &chain->writable : &chain->readable)) {
    return Broken("buffer outside of guest memory");
  }
  // At most 1024 descriptors of less than 2^32 bytes: no overflow.
  (writable ? chain->writable_size : chain->readable_size) += descriptor.length;
  return absl::OkStatus();
}

void Virtqueue::Push(uint16_t head, uint32_t written) {
  const UsedBuffer buffer{head, written};
  Push(std::span(&buffer, 1));
}

void Virtqueue::Push(std::span<const UsedBuffer> buffers) {
  for (const UsedBuffer& buffer : buffers) {
    const size_t slot = next_used_ & (layout_.size - 1U);
    std::byte* entry = layout_.used.data() + kRingEntries + 8 * slot;
    StoreRelaxed<uint32_t>(entry, buffer.head);
    StoreRelaxed<uint32_t>(entry + 4, buffer.written);
    ++next_used_;
  }
  StoreRelease<uint16_t>(layout_.used.data() + kRingIndex, next_used_);
}

bool Virtqueue::ShouldNotify() {
  const uint16_t before = notified_used_;
  if (next_used_ == before) return false;
  notified_used_ = next_used_;
  // The driver must see the used index before we read whether it still wants to hear of it.
  FullFence();
  if (!features_.event_index) {
    return (LoadRelaxed<uint16_t>(layout_.available.data()) & kAvailableNoInterrupt) == 0;
  }
  const uint16_t event =
      LoadRelaxed<uint16_t>(layout_.available.data() + kRingEntries + size_t{2} * layout_.size);
  return static_cast<uint16_t>(next_used_ - event - 1) < static_cast<uint16_t>(next_used_ - before);
}

bool Virtqueue::EnableKicks() {
  if (features_.event_index) {
    StoreRelaxed<uint16_t>(layout_.used.data() + kRingEntries + size_t{8} * layout_.size, next_available_);
  } else {
    StoreRelaxed<uint16_t>(layout_.used.data(), 0);
  }
  FullFence();
  return AvailableIndex() != next_available_;
}

void Virtqueue::DisableKicks() {
  // With event indices, not moving the index forward is enough.
  if (!features_.event_index) StoreRelaxed<uint16_t>(layout_.used.data(), kUsedNoNotify);
}

}  // namespace cc::vmm::virtio
