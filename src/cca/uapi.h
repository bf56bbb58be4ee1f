// SPDX-License-Identifier: Apache-2.0
// Structures and request numbers of KVM's Realm ABIs, which no released kernel header has. Sources are the
// posted series "arm64: Support for Arm CCA in KVM" (Steven Price), cited by version and date at each item;
// generation.h says which generation uses what. Layouts are those of the host's own byte order,
// little-endian.
#ifndef CC_CCA_UAPI_H_
#define CC_CCA_UAPI_H_

#include <cstddef>
#include <cstdint>

namespace cc::cca::uapi {

// asm-generic/ioctl.h, the same on arm64 and x86-64.
enum class Direction : uint32_t { kWrite = 1, kRead = 2, kReadWrite = 3 };
constexpr uint32_t Request(Direction direction, uint32_t number, size_t size) {
  constexpr uint32_t kKvmIo = 0xae;
  return static_cast<uint32_t>(direction) << 30 | static_cast<uint32_t>(size) << 16 | kKvmIo << 8 | number;
}

// KVM_ENABLE_CAP with the generation's capability; args[0] is one of these, args[1] points to its structure.
// v5, 2024-10-04, arch/arm64/include/uapi/asm/kvm.h; unchanged to v10, 2025-08-20.
enum class RmeCommand : uint64_t {
  kConfigRealm = 0,  // RmeConfig
  kCreateRealm = 1,  // no structure; CREATE_RD up to v6
  kInitRipas = 2,    // RmeInitRipas; INIT_IPA_REALM up to v6
  kPopulate = 3,     // RmePopulate
  kActivate = 4,     // no structure
};

// v5 to v10.
struct RmeConfig {
  enum Item : uint32_t { kRpv = 0, kHashAlgorithm = 1 };
  uint32_t item;
  union {
    uint8_t rpv[64];
    uint32_t hash_algorithm;  // 0 sha256, 1 sha512
    uint8_t reserved[256];
  };
};
static_assert(sizeof(RmeConfig) == 260 && offsetof(RmeConfig, rpv) == 4);

// v5 and v6 name the padding differently; the layout is the same to v10.
struct RmeInitRipas {
  uint64_t base;
  uint64_t size;
  uint64_t reserved[2];
};
static_assert(sizeof(RmeInitRipas) == 32);

// v5 to v10. Content is taken from the slot's own shared mapping.
struct RmePopulate {
  uint64_t base;
  uint64_t size;
  uint32_t flags;  // kPopulateMeasure
  uint32_t reserved[3];
};
static_assert(sizeof(RmePopulate) == 32 && offsetof(RmePopulate, flags) == 16);

// v12 to v15. Content is taken from source_uaddr, any readable memory of the caller.
struct RmiPopulate {
  uint64_t base;
  uint64_t size;
  uint64_t source_uaddr;
  uint32_t flags;     // kPopulateMeasure
  uint32_t reserved;  // 0
};
static_assert(sizeof(RmiPopulate) == 32 && offsetof(RmiPopulate, source_uaddr) == 16 &&
              offsetof(RmiPopulate, flags) == 24);

inline constexpr uint32_t kPopulateMeasure = 1;

// v5 to v13; only for VMMs that handle PSCI themselves.
struct PsciComplete {
  uint64_t target_mpidr;
  uint32_t psci_status;
  uint32_t padding[3];
};
static_assert(sizeof(PsciComplete) == 24);

inline constexpr uint32_t kPsciComplete_v5 = Request(Direction::kWrite, 0xd2, sizeof(PsciComplete));
inline constexpr uint32_t kPsciComplete_v8 = Request(Direction::kWrite, 0xd6, sizeof(PsciComplete));
// v12, 2025-12-17: returns the number of bytes done.
inline constexpr uint32_t kRmiPopulate_v12 = Request(Direction::kWrite, 0xd7, sizeof(RmiPopulate));
// v13, 2026-03-18: returns 0 and moves base, size and source_uaddr in place; to be called until size is 0.
inline constexpr uint32_t kRmiPopulate_v13 = Request(Direction::kReadWrite, 0xd7, sizeof(RmiPopulate));

// KVM_CREATE_VM: bits 11 to 8 are a type up to v13; v14, 2026-05-13, has a bit of its own.
inline constexpr uint64_t kVmTypeRealm_v5 = 0x100;
inline constexpr uint64_t kVmTypeRealm_v14 = uint64_t{1} << 30;

// KVM_EXIT_MEMORY_FAULT (39): the guest wants the range private. linux/kvm.h has it since 6.8.
inline constexpr uint64_t kMemoryExitPrivate = 1 << 3;

}  // namespace cc::cca::uapi

#endif  // CC_CCA_UAPI_H_
