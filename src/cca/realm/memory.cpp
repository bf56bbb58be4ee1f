// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/memory.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"

namespace cc::cca::realm {

absl::StatusOr<std::unique_ptr<RealmMemory>> RealmMemory::Create(KvmCalls& kvm, int vm,
                                                                 std::span<const InitRipas> ranges,
                                                                 bool attributes) {
  std::unique_ptr<RealmMemory> memory(new RealmMemory(kvm, vm, attributes));
  for (const InitRipas& range : ranges) CC_RETURN_IF_ERROR(memory->AddSlot(range));
  return memory;
}

RealmMemory::~RealmMemory() {
  for (const Slot& slot : slots_) {
    if (slot.mapping != nullptr) kvm_.Munmap(slot.mapping, slot.size);
  }
}

absl::Status RealmMemory::AddSlot(const InitRipas& range) {
  // In the list first, so that the destructor releases whatever was made.
  Slot& slot = slots_.emplace_back();
  slot.base = range.base;
  slot.size = range.size;
  const std::string where = RangeText(range.base, range.size);

  uapi::CreateGuestMemfd create = {.size = range.size};
  const int guest_memfd = kvm_.Ioctl(vm_, uapi::kCreateGuestMemfd, &create);
  CC_RETURN_IF_ERROR(Checked(guest_memfd, StrCat("KVM_CREATE_GUEST_MEMFD for RAM ", where)));
  slot.guest_memfd.reset(guest_memfd);
  const int shared = kvm_.CreateMemory("realm-shared", range.size);
  CC_RETURN_IF_ERROR(Checked(shared, StrCat("memory for the shared side of RAM ", where)));
  slot.shared.reset(shared);
  void* mapping = nullptr;
  CC_RETURN_IF_ERROR(
      Checked(kvm_.Mmap(range.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, shared, 0, &mapping),
              StrCat("map the shared side of RAM ", where)));
  slot.mapping = static_cast<std::byte*>(mapping);
  // Without attributes a guest_memfd is private for its whole life.
  slot.is_private.assign(range.size / kGranule, !attributes_);

  uapi::MemoryRegion2 region = {};
  region.slot = static_cast<uint32_t>(slots_.size() - 1);
  region.flags = uapi::kMemGuestMemfd;
  region.guest_phys_addr = range.base;
  region.memory_size = range.size;
  // SAFETY: the mapping is `size` bytes and lives as long as this object, which the VM does not outlive in
  // use.
  region.userspace_addr = reinterpret_cast<uint64_t>(mapping);
  region.guest_memfd = static_cast<uint32_t>(guest_memfd);
  return Checked(kvm_.Ioctl(vm_, uapi::kSetUserMemoryRegion2, &region),
                 StrCat("KVM_SET_USER_MEMORY_REGION2 for RAM ", where));
}

absl::Status RealmMemory::SetAttributes(uint64_t base, uint64_t size, bool to_private) {
  uapi::MemoryAttributes attributes = {
      .address = base, .size = size, .attributes = to_private ? uapi::kMemoryAttributePrivate : 0};
  return Checked(Retry([&] { return kvm_.Ioctl(vm_, uapi::kSetMemoryAttributes, &attributes); }),
                 StrCat("KVM_SET_MEMORY_ATTRIBUTES of ", RangeText(base, size)));
}

absl::Status RealmMemory::MakePrivate() {
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    CC_RETURN_IF_ERROR(SetAttributes(slot.base, slot.size, true));
    slot.is_private.assign(slot.is_private.size(), true);
  }
  return absl::OkStatus();
}

absl::Status RealmMemory::Convert(uint64_t base, uint64_t size, bool to_private) {
  if (base % kGranule != 0 || size % kGranule != 0 || size > std::numeric_limits<uint64_t>::max() - base) {
    return absl::InvalidArgumentError(
        StrCat("KVM reports a change of ", RangeText(base, size), ", which is not made of whole granules"));
  }
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    const uint64_t first = std::max(base, slot.base);
    const uint64_t end = std::min(base + size, slot.base + slot.size);
    if (first < end) CC_RETURN_IF_ERROR(ConvertInSlot(slot, first - slot.base, end - slot.base, to_private));
  }
  return absl::OkStatus();
}

// Run by run of pages that are on the other side.
absl::Status RealmMemory::ConvertInSlot(Slot& slot, uint64_t first, uint64_t end, bool to_private) {
  const auto stop = slot.is_private.begin() + static_cast<std::ptrdiff_t>(end / kGranule);
  auto page = slot.is_private.begin() + static_cast<std::ptrdiff_t>(first / kGranule);
  while ((page = std::find(page, stop, !to_private)) != stop) {
    const auto after = std::find(page, stop, to_private);
    const auto offset = static_cast<uint64_t>(page - slot.is_private.begin()) * kGranule;
    const auto size = static_cast<uint64_t>(after - page) * kGranule;
    CC_RETURN_IF_ERROR(ConvertRun(slot, offset, size, to_private));
    std::fill(page, after, to_private);
    page = after;
  }
  return absl::OkStatus();
}

absl::Status RealmMemory::ConvertRun(Slot& slot, uint64_t offset, uint64_t size, bool to_private) {
  const uint64_t base = slot.base + offset;
  if (to_private) {
    if (attributes_) CC_RETURN_IF_ERROR(SetAttributes(base, size, true));
    return DropShared(base, size);
  }
  // While the page is still private: a hole punched later would leave it with the RMM ("delegated"), lost to
  // the host.
  CC_RETURN_IF_ERROR(Checked(Retry([&] {
                               return kvm_.Fallocate(slot.guest_memfd.get(),
                                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                                     static_cast<off_t>(offset), static_cast<off_t>(size));
                             }),
                             StrCat("take private memory ", RangeText(base, size), " from the Realm")));
  return attributes_ ? SetAttributes(base, size, false) : absl::OkStatus();
}

std::span<std::byte> RealmMemory::Shared(uint64_t base, uint64_t size) {
  for (const Slot& slot : slots_) {
    if (base < slot.base || base - slot.base > slot.size) continue;
    const uint64_t offset = base - slot.base;
    if (size <= slot.size - offset) return {slot.mapping + offset, size};
  }
  return {};
}

absl::Status RealmMemory::DropShared(uint64_t base, uint64_t size) {
  const std::span<std::byte> bytes = Shared(base, size);
  return Checked(kvm_.Madvise(bytes.data(), bytes.size(), MADV_REMOVE),
                 StrCat("give back shared memory ", RangeText(base, size)));
}

std::vector<SharedRange> RealmMemory::ranges() const {
  std::vector<SharedRange> ranges;
  for (const Slot& slot : slots_) ranges.push_back({slot.base, slot.size, slot.shared.get()});
  return ranges;
}

}  // namespace cc::cca::realm
