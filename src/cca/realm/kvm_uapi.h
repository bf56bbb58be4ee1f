// SPDX-License-Identifier: Apache-2.0
// KVM's user ABI as far as a Realm needs it: written out, because Debian 12's linux/kvm.h is older than
// guest_memfd (6.8), and because the arm64 part must compile on the machines where measurements are
// predicted. Source: linux/kvm.h and arch/arm64/include/uapi/asm/kvm.h of 6.12. Realm-only items are in
// cca/uapi.h.
#ifndef CC_CCA_REALM_KVM_UAPI_H_
#define CC_CCA_REALM_KVM_UAPI_H_

#include <cstddef>
#include <cstdint>

#include "cca/uapi.h"

namespace cc::cca::uapi {

constexpr uint32_t RequestNone(uint32_t number) { return 0xae00 | number; }

inline constexpr uint32_t kCreateVm = RequestNone(0x01);
inline constexpr uint32_t kCheckExtension = RequestNone(0x03);
inline constexpr uint32_t kCreateVcpu = RequestNone(0x41);

// KVM_CHECK_EXTENSION.
inline constexpr uint32_t kCapVmIpaSize = 165;         // KVM_CAP_ARM_VM_IPA_SIZE
inline constexpr uint32_t kCapSve = 170;               // KVM_CAP_ARM_SVE
inline constexpr uint32_t kCapUserMemory2 = 231;       // KVM_CAP_USER_MEMORY2
inline constexpr uint32_t kCapMemoryAttributes = 233;  // KVM_CAP_MEMORY_ATTRIBUTES, a set of attributes
inline constexpr uint32_t kCapGuestMemfd = 234;        // KVM_CAP_GUEST_MEMFD

struct EnableCap {
  uint32_t cap;
  uint32_t flags;
  uint64_t args[4];
  uint8_t pad[64];
};
static_assert(sizeof(EnableCap) == 104);
inline constexpr uint32_t kEnableCap = Request(Direction::kWrite, 0xa3, sizeof(EnableCap));

struct CreateGuestMemfd {
  uint64_t size;
  uint64_t flags;
  uint64_t reserved[6];
};
static_assert(sizeof(CreateGuestMemfd) == 64);
inline constexpr uint32_t kCreateGuestMemfd = Request(Direction::kReadWrite, 0xd4, sizeof(CreateGuestMemfd));

struct MemoryRegion2 {
  uint32_t slot;
  uint32_t flags;  // kMemGuestMemfd
  uint64_t guest_phys_addr;
  uint64_t memory_size;
  uint64_t userspace_addr;
  uint64_t guest_memfd_offset;
  uint32_t guest_memfd;
  uint32_t pad1;
  uint64_t pad2[14];
};
static_assert(sizeof(MemoryRegion2) == 160);
inline constexpr uint32_t kSetUserMemoryRegion2 = Request(Direction::kWrite, 0x49, sizeof(MemoryRegion2));
inline constexpr uint32_t kMemGuestMemfd = 1 << 2;

struct MemoryAttributes {
  uint64_t address;
  uint64_t size;
  uint64_t attributes;  // 0 or kMemoryAttributePrivate
  uint64_t flags;
};
static_assert(sizeof(MemoryAttributes) == 32);
inline constexpr uint32_t kSetMemoryAttributes = Request(Direction::kWrite, 0xd2, sizeof(MemoryAttributes));
inline constexpr uint64_t kMemoryAttributePrivate = 1 << 3;

struct VcpuInit {
  uint32_t target;
  uint32_t features[7];
};
static_assert(sizeof(VcpuInit) == 32);
inline constexpr uint32_t kArmVcpuInit = Request(Direction::kWrite, 0xae, sizeof(VcpuInit));
inline constexpr uint32_t kArmPreferredTarget = Request(Direction::kRead, 0xaf, sizeof(VcpuInit));
inline constexpr uint32_t kVcpuPsci02 = 2;  // bit of VcpuInit::features[0]
inline constexpr uint32_t kArmVcpuFinalize = Request(Direction::kWrite, 0xc2, sizeof(int32_t));

struct OneReg {
  uint64_t id;
  uint64_t addr;
};
static_assert(sizeof(OneReg) == 16);
inline constexpr uint32_t kGetOneReg = Request(Direction::kWrite, 0xab, sizeof(OneReg));
inline constexpr uint32_t kSetOneReg = Request(Direction::kWrite, 0xac, sizeof(OneReg));

// KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE and the offset in user_pt_regs in units of 4 bytes.
constexpr uint64_t GprRegister(unsigned n) { return 0x6030'0000'0010'0000 + 2 * uint64_t{n}; }
inline constexpr uint64_t kPcRegister = 0x6030'0000'0010'0040;
// ID_AA64DFR0_EL1, ARM64_SYS_REG(3, 0, 0, 5, 0). Fields of 4 bits, each a count - 1.
inline constexpr uint64_t kIdAa64Dfr0 = 0x6030'0000'0013'c028;
inline constexpr unsigned kDfr0Breakpoints = 12;   // BRPs
inline constexpr unsigned kDfr0Watchpoints = 20;   // WRPs
inline constexpr unsigned kDfr0ContextAware = 28;  // CTX_CMPs, at most BRPs

// The mapped struct kvm_run, as far as it is common to every exit.
inline constexpr size_t kRunExitReason = 8;  // uint32_t
inline constexpr size_t kRunExitData = 32;   // the union
inline constexpr uint32_t kExitUnknown = 0;
inline constexpr uint32_t kExitMmio = 6;  // its data begin with the address
inline constexpr uint32_t kExitShutdown = 8;
inline constexpr uint32_t kExitMemoryFault = 39;
struct ExitMemoryFault {
  uint64_t flags;  // kMemoryExitPrivate
  uint64_t gpa;
  uint64_t size;
};

}  // namespace cc::cca::uapi

#endif  // CC_CCA_REALM_KVM_UAPI_H_
