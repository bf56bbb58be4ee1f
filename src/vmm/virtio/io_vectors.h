// SPDX-License-Identifier: Apache-2.0
// Lists of memory pieces as descriptor chains give them.
#ifndef CC_VMM_VIRTIO_IO_VECTORS_H_
#define CC_VMM_VIRTIO_IO_VECTORS_H_

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

namespace cc::vmm::virtio {

// Copies from the start of `source` until `target` is full or the source ends; returns the bytes copied. The
// copy is taken once: later changes by the guest do not show in it.
size_t CopyFromGuest(std::span<const iovec> source, std::span<std::byte> target);

// Copies all of `source` to the start of `target`, as far as that reaches; returns the bytes copied.
size_t CopyToGuest(std::span<const std::byte> source, std::span<const iovec> target);

// The pieces that cover [offset, offset + size) of `vectors`, appended to `out`. Shorter when they end
// before.
void AppendSlice(std::span<const iovec> vectors, size_t offset, size_t size, std::vector<iovec>* out);

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_IO_VECTORS_H_
