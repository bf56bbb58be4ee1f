// SPDX-License-Identifier: Apache-2.0
// The device's end of a split virtqueue (virtio 1.2, section 2.7). Everything in the rings is written by the
// guest and is checked here: indices, descriptor loops, addresses, directions. The place and size of the
// rings are fixed for the life of the object. One thread at a time.
#ifndef CC_VMM_VIRTIO_VIRTQUEUE_H_
#define CC_VMM_VIRTIO_VIRTQUEUE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm/virtio/guest_memory.h"

namespace cc::vmm::virtio {

// One buffer of the driver, its descriptors copied and translated.
struct Chain {
  uint16_t head = 0;
  std::vector<iovec> readable;  // the device may read these,
  std::vector<iovec> writable;  // and write those
  size_t readable_size = 0;
  size_t writable_size = 0;
};

struct UsedBuffer {
  uint16_t head = 0;
  uint32_t written = 0;  // bytes that were filled
};

class Virtqueue {
 public:
  static constexpr uint16_t kMaxSize = 1024;

  struct Layout {
    uint16_t size = 0;  // entries, a power of two
    std::span<std::byte> descriptors;
    std::span<std::byte> available;
    std::span<std::byte> used;
  };
  static constexpr size_t DescriptorBytes(uint16_t size) { return size_t{16} * size; }
  static constexpr size_t AvailableBytes(uint16_t size) { return 6 + size_t{2} * size; }
  static constexpr size_t UsedBytes(uint16_t size) { return 6 + size_t{8} * size; }

  struct Features {
    bool indirect = false;
    bool event_index = false;
  };

  // `memory` keeps the rings mapped. InvalidArgument when a ring is short, misaligned or the size impossible.
  static absl::StatusOr<Virtqueue> Create(std::shared_ptr<const GuestMemory> memory, const Layout& layout,
                                          Features features, uint16_t next_available);

  // Takes the next buffer into `*chain` (reused to save allocations). False when there is none. An error
  // means that the driver broke the rules: the queue must not be used any more.
  absl::StatusOr<bool> Pop(Chain* chain);

  // Gives the buffer of the last Pop back, as if it had not been taken.
  void Unpop() { --next_available_; }

  // Returns a buffer to the driver, of which `written` bytes were filled.
  void Push(uint16_t head, uint32_t written);
  // Several at once: the driver sees all or none. At most as many as the ring has entries.
  void Push(std::span<const UsedBuffer> buffers);

  // Does the driver want an interrupt for what was pushed since the last call?
  bool ShouldNotify();

  // Asks for (EnableKicks) or declines notifications of new buffers. True when there are buffers already,
  // for which no notification will come.
  bool EnableKicks();
  void DisableKicks();

  uint16_t next_available() const { return next_available_; }

 private:
  struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
  };
  Virtqueue(std::shared_ptr<const GuestMemory> memory, const Layout& layout, Features features,
            uint16_t next_available);
  static Descriptor ReadDescriptor(std::span<const std::byte> table, size_t index);
  absl::Status Walk(std::span<const std::byte> table, size_t entries, size_t index, bool in_indirect,
                    size_t* budget, Chain* chain) const;
  absl::Status AddBuffer(const Descriptor& descriptor, Chain* chain) const;
  uint16_t AvailableIndex() const;

  std::shared_ptr<const GuestMemory> memory_;
  Layout layout_;
  Features features_;
  uint16_t next_available_;
  uint16_t next_used_;
  uint16_t notified_used_;
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_VIRTQUEUE_H_
