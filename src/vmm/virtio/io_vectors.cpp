// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/io_vectors.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace cc::vmm::virtio {

size_t CopyFromGuest(std::span<const iovec> source, std::span<std::byte> target) {
  size_t copied = 0;
  for (const iovec& piece : source) {
    const size_t n = std::min(piece.iov_len, target.size() - copied);
    if (n > 0) std::memcpy(target.data() + copied, piece.iov_base, n);
    copied += n;
    if (copied == target.size()) break;
  }
  // SAFETY: the guest may write while we copy. Behind this fence the compiler must use the copy, it cannot
  // read guest memory a second time.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return copied;
}

size_t CopyToGuest(std::span<const std::byte> source, std::span<const iovec> target) {
  size_t copied = 0;
  for (const iovec& piece : target) {
    const size_t n = std::min(piece.iov_len, source.size() - copied);
    if (n > 0) std::memcpy(piece.iov_base, source.data() + copied, n);
    copied += n;
    if (copied == source.size()) break;
  }
  return copied;
}

void AppendSlice(std::span<const iovec> vectors, size_t offset, size_t size, std::vector<iovec>* out) {
  for (const iovec& piece : vectors) {
    if (size == 0) return;
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    const size_t n = std::min(piece.iov_len - offset, size);
    out->push_back({static_cast<std::byte*>(piece.iov_base) + offset, n});
    size -= n;
    offset = 0;
  }
}

}  // namespace cc::vmm::virtio
