// SPDX-License-Identifier: Apache-2.0
// For tests: a piece of guest memory and the driver's end of a virtqueue in it, able to write anything.
#ifndef CC_VMM_VIRTIO_TEST_DRIVER_H_
#define CC_VMM_VIRTIO_TEST_DRIVER_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "vmm/virtio/guest_memory.h"
#include "vmm/virtio/virtqueue.h"

namespace cc::vmm::virtio {

inline constexpr uint16_t kNext = 1, kWrite = 2, kIndirect = 4;

inline UniqueFd SealedMemfd(size_t size) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  return fd;
}

// Guest RAM of `size` bytes from guest address kBase on.
class TestMemory {
 public:
  static constexpr uint64_t kBase = 0x40000000;
  static constexpr uint64_t kUserBase = 0x7f0000000000;

  explicit TestMemory(size_t size) : fd_(SealedMemfd(size)), size_(size) {
    const MemoryRegion region{
        .guest_address = kBase, .size = size, .user_address = kUserBase, .fd = fd_.get(), .fd_offset = 0};
    memory_ = *GuestMemory::Map(std::span(&region, 1));
  }
  std::shared_ptr<const GuestMemory> get() const { return memory_; }
  int fd() const { return fd_.get(); }
  size_t size() const { return size_; }
  std::span<std::byte> At(uint64_t guest_address, size_t size) const {
    return memory_->TranslateOne(guest_address, size);
  }
  template <typename T>
  void Put(uint64_t guest_address, T value) {
    std::memcpy(At(guest_address, sizeof(T)).data(), &value, sizeof(T));
  }
  template <typename T>
  T Get(uint64_t guest_address) const {
    T value;
    std::memcpy(&value, At(guest_address, sizeof(T)).data(), sizeof(T));
    return value;
  }
  void PutText(uint64_t guest_address, std::string_view text) {
    if (!text.empty()) std::memcpy(At(guest_address, text.size()).data(), text.data(), text.size());
  }
  std::string GetText(uint64_t guest_address, size_t size) const {
    return std::string(reinterpret_cast<const char*>(At(guest_address, size).data()), size);
  }

 private:
  UniqueFd fd_;
  size_t size_;
  std::shared_ptr<const GuestMemory> memory_;
};

// A ring of `size` entries at guest address `at`; needs 26 * size + 16 bytes there.
class TestRing {
 public:
  TestRing(TestMemory* memory, uint64_t at, uint16_t size)
      : memory_(memory),
        size_(size),
        descriptors_(at),
        available_(at + Virtqueue::DescriptorBytes(size)),
        used_((available_ + Virtqueue::AvailableBytes(size) + 3) & ~uint64_t{3}) {}

  uint64_t descriptors() const { return descriptors_; }
  uint64_t available() const { return available_; }
  uint64_t used() const { return used_; }
  uint16_t size() const { return size_; }

  Virtqueue::Layout Layout() const {
    return {.size = size_,
            .descriptors = memory_->At(descriptors_, Virtqueue::DescriptorBytes(size_)),
            .available = memory_->At(available_, Virtqueue::AvailableBytes(size_)),
            .used = memory_->At(used_, Virtqueue::UsedBytes(size_))};
  }
  absl::StatusOr<Virtqueue> Open(Virtqueue::Features features = {}) const {
    return Virtqueue::Create(memory_->get(), Layout(), features, 0);
  }

  void Describe(size_t index, uint64_t address, uint32_t length, uint16_t flags, uint16_t next = 0) {
    DescribeIn(descriptors_, index, address, length, flags, next);
  }
  void DescribeIn(uint64_t table, size_t index, uint64_t address, uint32_t length, uint16_t flags,
                  uint16_t next) {
    const uint64_t at = table + 16 * index;
    memory_->Put(at, address);
    memory_->Put(at + 8, length);
    memory_->Put(at + 12, flags);
    memory_->Put(at + 14, next);
  }
  void Offer(uint16_t head) {
    memory_->Put<uint16_t>(available_ + 4 + 2 * (offered_ % size_), head);
    memory_->Put<uint16_t>(available_ + 2, ++offered_);
  }
  void SetAvailableIndex(uint16_t index) { memory_->Put(available_ + 2, index); }
  void SetAvailableFlags(uint16_t flags) { memory_->Put(available_, flags); }
  void SetUsedEvent(uint16_t event) { memory_->Put(available_ + 4 + 2 * size_, event); }
  uint16_t AvailableEvent() const { return memory_->Get<uint16_t>(used_ + 4 + 8 * size_); }
  uint16_t UsedFlags() const { return memory_->Get<uint16_t>(used_); }
  uint16_t UsedIndex() const { return memory_->Get<uint16_t>(used_ + 2); }
  uint32_t UsedHead(size_t index) const { return memory_->Get<uint32_t>(used_ + 4 + 8 * (index % size_)); }
  uint32_t UsedLength(size_t index) const { return memory_->Get<uint32_t>(used_ + 8 + 8 * (index % size_)); }

 private:
  TestMemory* const memory_;
  const uint16_t size_;
  const uint64_t descriptors_, available_, used_;
  uint16_t offered_ = 0;
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_TEST_DRIVER_H_
