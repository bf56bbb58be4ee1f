// SPDX-License-Identifier: Apache-2.0
// Loads and stores of words that the guest may change at the same moment. All raw guest access is here and
// in io_vectors.cpp. Guests and hosts are little-endian, as virtio 1.x is.
#ifndef CC_VMM_VIRTIO_GUEST_ACCESS_H_
#define CC_VMM_VIRTIO_GUEST_ACCESS_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace cc::vmm::virtio {

static_assert(std::endian::native == std::endian::little);

// SAFETY (all four): the caller passes an address inside a mapping of guest memory, aligned for Word; the
// compiler may neither repeat nor split an atomic access, so a value is read exactly once.
template <typename Word>
Word LoadRelaxed(const std::byte* address) {
  return __atomic_load_n(reinterpret_cast<const Word*>(address), __ATOMIC_RELAXED);
}
template <typename Word>
Word LoadAcquire(const std::byte* address) {
  return __atomic_load_n(reinterpret_cast<const Word*>(address), __ATOMIC_ACQUIRE);
}
template <typename Word>
void StoreRelaxed(std::byte* address, Word value) {
  __atomic_store_n(reinterpret_cast<Word*>(address), value, __ATOMIC_RELAXED);
}
template <typename Word>
void StoreRelease(std::byte* address, Word value) {
  __atomic_store_n(reinterpret_cast<Word*>(address), value, __ATOMIC_RELEASE);
}

// A full barrier. Not std::atomic_thread_fence, which the thread sanitizer refuses; it cannot see the guest's
// side anyway.
inline void FullFence() { __sync_synchronize(); }

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_GUEST_ACCESS_H_
