// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/guest_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::virtio {
namespace {

bool EndOverflows(uint64_t start, uint64_t size) {
  return size > std::numeric_limits<uint64_t>::max() - start;
}

absl::Status CheckRegion(const MemoryRegion& region) {
  const std::string name =
      StrCat("guest memory region at ", region.guest_address, " of ", region.size, " bytes");
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (region.size == 0 || EndOverflows(region.guest_address, region.size) ||
      EndOverflows(region.user_address, region.size) || EndOverflows(region.fd_offset, region.size) ||
      region.fd_offset % page != 0 || region.guest_address % page != 0) {
    return absl::InvalidArgumentError(StrCat(name, " is empty, misaligned or wraps around"));
  }
  struct stat st;
  if (::fstat(region.fd, &st) != 0) return ErrnoStatus(errno, StrCat("stat the file of ", name));
  if (static_cast<uint64_t>(st.st_size) < region.fd_offset + region.size) {
    return absl::InvalidArgumentError(StrCat(name, " lies beyond the end of its file"));
  }
  const int seals = ::fcntl(region.fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return absl::InvalidArgumentError(
        StrCat(name, " is no memfd sealed against shrinking; use memory-backend-memfd with seal=on"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const GuestMemory>> GuestMemory::Map(std::span<const MemoryRegion> regions,
                                                                    uint64_t shared_bit) {
  if (regions.empty() || regions.size() > kMaxRegions) {
    return absl::InvalidArgumentError(
        StrCat("guest memory of ", regions.size(), " regions; 1 to ", kMaxRegions, " are possible"));
  }
  std::shared_ptr<GuestMemory> memory(new GuestMemory());
  memory->shared_bit_ = shared_bit;
  for (const MemoryRegion& region : regions) {
    CC_RETURN_IF_ERROR(CheckRegion(region));
    void* data = ::mmap(nullptr, region.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, region.fd,
                        static_cast<off_t>(region.fd_offset));
    if (data == MAP_FAILED) return ErrnoStatus(errno, StrCat("map ", region.size, " bytes of guest memory"));
    memory->mappings_.push_back(
        {region.guest_address, region.user_address, region.size, static_cast<std::byte*>(data)});
  }
  auto& mappings = memory->mappings_;
  std::sort(mappings.begin(), mappings.end(),
            [](const Mapping& a, const Mapping& b) { return a.guest_address < b.guest_address; });
  for (size_t i = 1; i < mappings.size(); ++i) {
    if (mappings[i].guest_address - mappings[i - 1].guest_address < mappings[i - 1].size) {
      return absl::InvalidArgumentError(
          StrCat("guest memory regions overlap at address ", mappings[i].guest_address));
    }
  }
  return memory;
}

absl::StatusOr<std::shared_ptr<const GuestMemory>> GuestMemory::Allocate(uint64_t guest_address,
                                                                         uint64_t size) {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (size == 0 || size % page != 0 || guest_address % page != 0 || EndOverflows(guest_address, size)) {
    return absl::InvalidArgumentError(StrCat("guest memory of ", size, " bytes is not made of whole pages"));
  }
  void* data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, StrCat("map ", size, " bytes of guest memory"));
  std::shared_ptr<GuestMemory> memory(new GuestMemory());
  memory->mappings_.push_back({guest_address, 0, size, static_cast<std::byte*>(data)});
  memory->file_backed_ = false;
  // Advice only: fewer faults at the guest's boot, and no guest memory in a core file.
  ::madvise(data, size, MADV_HUGEPAGE);
  ::madvise(data, size, MADV_DONTDUMP);
  return memory;
}

GuestMemory::~GuestMemory() {
  for (const Mapping& mapping : mappings_) ::munmap(mapping.data, mapping.size);
}

const GuestMemory::Mapping* GuestMemory::Find(uint64_t guest_address) const {
  const auto after =
      std::upper_bound(mappings_.begin(), mappings_.end(), guest_address,
                       [](uint64_t address, const Mapping& m) { return address < m.guest_address; });
  if (after == mappings_.begin()) return nullptr;
  const Mapping& mapping = *std::prev(after);
  return guest_address - mapping.guest_address < mapping.size ? &mapping : nullptr;
}

bool GuestMemory::Translate(uint64_t guest_address, uint64_t size, std::vector<iovec>* out) const {
  guest_address &= ~shared_bit_;
  if (EndOverflows(guest_address, size)) return false;
  while (size > 0) {
    const Mapping* mapping = Find(guest_address);
    if (mapping == nullptr) return false;
    const uint64_t offset = guest_address - mapping->guest_address;
    const uint64_t n = std::min(size, mapping->size - offset);
    out->push_back({mapping->data + offset, n});
    guest_address += n;
    size -= n;
  }
  return true;
}

std::span<std::byte> GuestMemory::TranslateOne(uint64_t guest_address, uint64_t size) const {
  guest_address &= ~shared_bit_;
  const Mapping* mapping = Find(guest_address);
  if (mapping == nullptr) return {};
  const uint64_t offset = guest_address - mapping->guest_address;
  if (size > mapping->size - offset) return {};
  return {mapping->data + offset, size};
}

std::span<std::byte> GuestMemory::TranslateUser(uint64_t user_address, uint64_t size) const {
  for (const Mapping& mapping : mappings_) {
    if (user_address < mapping.user_address) continue;
    const uint64_t offset = user_address - mapping.user_address;
    if (offset >= mapping.size || size > mapping.size - offset) continue;
    return {mapping.data + offset, size};
  }
  return {};
}

void GuestMemory::ReleasePages() const {
  if (!file_backed_) return;
  // SAFETY: the mappings are shared and backed by a file, so MADV_DONTNEED drops page table entries only.
  for (const Mapping& mapping : mappings_) ::madvise(mapping.data, mapping.size, MADV_DONTNEED);
}

absl::Status GuestMemory::Discard(uint64_t guest_address, uint64_t size) const {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::span<std::byte> range = TranslateOne(guest_address, size);
  if (range.empty() || guest_address % page != 0 || size % page != 0) {
    return absl::InvalidArgumentError(
        StrCat("guest memory at ", guest_address, " of ", size, " bytes is no range of whole pages"));
  }
  if (::madvise(range.data(), range.size(), file_backed_ ? MADV_REMOVE : MADV_DONTNEED) != 0) {
    return ErrnoStatus(errno, "give guest memory back");
  }
  return absl::OkStatus();
}

}  // namespace cc::vmm::virtio
