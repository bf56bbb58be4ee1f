// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/jail/rules.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "cca/realm/kvm_uapi.h"

namespace cc::vmm::kvm::jail {
namespace {

namespace uapi = cca::uapi;

constexpr uint8_t Bit(ThreadKind kind) { return static_cast<uint8_t>(1 << static_cast<int>(kind)); }
constexpr uint8_t B = Bit(ThreadKind::kBuilder), M = Bit(ThreadKind::kMain), D = Bit(ThreadKind::kDevices),
                  V = Bit(ThreadKind::kVcpu);

// The kernel takes these arguments as 32 bits, whatever is above them.
constexpr Condition Is(unsigned argument, uint64_t value) {
  return {argument, 0xffffffff, value & 0xffffffff};
}
constexpr Condition Lacks(unsigned argument, uint64_t bits) { return {argument, bits, 0}; }
constexpr Condition OwnProcess(unsigned argument) { return {argument, 0xffffffff, kOwnPid}; }

constexpr Rule Call(int call, uint8_t kinds, const char* name, std::optional<Condition> condition = {}) {
  return {call, kinds, name, condition};
}
constexpr Rule Rare(Rule rule) {
  rule.rare = true;
  return rule;
}
// Where the older call is missing (arm64), libc has this one in its place.
constexpr Rule Without(int older, Rule rule) {
  if (older >= 0) rule.call = -1;
  return rule;
}
constexpr Rule Ioctl(uint8_t kinds, const char* name, uint64_t request) {
  return {SCMP_SYS(ioctl), kinds, name, Is(1, request)};
}
constexpr Rule NoSuchCall(int call, uint8_t kinds, const char* name) {
  return {call, kinds, name, {}, Rule::Answer::kNoSuchCall};
}
#define CC_CALL(name, kinds, ...) Call(SCMP_SYS(name), kinds, #name __VA_OPT__(, ) __VA_ARGS__)

// A thread of this process: shares memory, descriptors, signal handlers; no new namespace, no vfork.
constexpr Condition kOnlyThreads = {0,
                                    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                                        CLONE_VFORK | CLONE_PTRACE | CLONE_NEWNS | CLONE_NEWUSER |
                                        CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                        CLONE_NEWCGROUP,
                                    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD};

constexpr Rule kRules[] = {
    // libc: memory, locks, threads. Memory is never executable.
    CC_CALL(brk, B),
    Rare(CC_CALL(brk, M | D | V)),
    CC_CALL(mmap, B, Lacks(2, PROT_EXEC)),
    Rare(CC_CALL(mmap, M | D | V, Lacks(2, PROT_EXEC))),
    CC_CALL(munmap, B | M),
    Rare(CC_CALL(munmap, D | V)),
    CC_CALL(mprotect, B, Lacks(2, PROT_EXEC)),  // the guard page of a thread's stack
    CC_CALL(futex, B | M | D | V),
    CC_CALL(clone, B, kOnlyThreads),
    NoSuchCall(SCMP_SYS(clone3), B, "clone3"),
    CC_CALL(set_robust_list, B),
    CC_CALL(rseq, B),
    CC_CALL(prctl, B, Is(0, PR_SET_NAME)),
    CC_CALL(seccomp, B, Is(0, SECCOMP_SET_MODE_FILTER)),
    CC_CALL(rt_sigprocmask, B | M | D | V),
    Call(SCMP_SYS(madvise), D | V, "madvise MADV_DONTNEED",
         Is(2, MADV_DONTNEED)),  // the stack of a thread that ends
    CC_CALL(exit, D | V),
    CC_CALL(exit_group, B | M),
    Rare(CC_CALL(exit_group, D | V)),  // no filter could be installed
    // The system's clock is no vDSO call everywhere.
    Rare(CC_CALL(clock_gettime, B | M | D | V)),
    Rare(CC_CALL(restart_syscall, B | M | D | V)),
    CC_CALL(close, B | M | D),
    Rare(CC_CALL(close, V)),
    // The log.
    CC_CALL(write, M | D | V),
    Rare(CC_CALL(write, B)),

    // Signals: a vCPU is called out of the guest.
    CC_CALL(rt_sigaction, B),
    CC_CALL(getpid, M),
    CC_CALL(tgkill, M, OwnProcess(0)),
    CC_CALL(rt_sigreturn, V),

    // The shim's commands.
    CC_CALL(poll, M),
    Without(SCMP_SYS(poll), CC_CALL(ppoll, M)),
    // When the shim is slower than we are.
    Rare(CC_CALL(poll, B)),
    Rare(Without(SCMP_SYS(poll), CC_CALL(ppoll, B))),
    CC_CALL(recvfrom, B | M | D),
    CC_CALL(sendto, B | M),

    // The guest's files and its memory.
    CC_CALL(getrandom, B),
    Call(SCMP_SYS(getrandom), D, "getrandom of devices"),
    // One or the other, as the version of libc has it.
    Rare(CC_CALL(fstat, B)),
    CC_CALL(newfstatat, B),
    Ioctl(B, "ioctl BLKGETSIZE64", BLKGETSIZE64),
    CC_CALL(memfd_create, B),
    CC_CALL(ftruncate, B),
    Call(SCMP_SYS(fcntl), B, "fcntl F_ADD_SEALS", Is(1, F_ADD_SEALS)),
    Call(SCMP_SYS(fcntl), B, "fcntl F_GET_SEALS", Is(1, F_GET_SEALS)),
    Call(SCMP_SYS(fcntl), B, "fcntl F_GETFL", Is(1, F_GETFL)),
    Call(SCMP_SYS(fcntl), B, "fcntl F_SETFL", Is(1, F_SETFL)),
    Call(SCMP_SYS(madvise), B, "madvise MADV_HUGEPAGE", Is(2, MADV_HUGEPAGE)),
    Call(SCMP_SYS(madvise), B, "madvise MADV_DONTDUMP", Is(2, MADV_DONTDUMP)),

    // The devices.
    CC_CALL(eventfd2, B),
    CC_CALL(epoll_create1, B),
    CC_CALL(epoll_ctl, B | M | D),
    CC_CALL(epoll_wait, D),
    Without(SCMP_SYS(epoll_wait), CC_CALL(epoll_pwait, D)),
    CC_CALL(read, D),
    CC_CALL(readv, D),
    CC_CALL(writev, D),
    CC_CALL(preadv, D),
    CC_CALL(pwritev, D),
    CC_CALL(fdatasync, D),
    Call(SCMP_SYS(fcntl), B, "fcntl F_DUPFD_CLOEXEC", Is(1, F_DUPFD_CLOEXEC)),
    Rare(Call(SCMP_SYS(fcntl), D, "fcntl F_DUPFD_CLOEXEC",
              Is(1, F_DUPFD_CLOEXEC))),  // after there was no descriptor left
    // vsock: unix sockets in the VM's directory.
    CC_CALL(socket, B | D, Is(0, AF_UNIX)),
    CC_CALL(fchmod, B),
    CC_CALL(chmod, B),
    Without(SCMP_SYS(chmod), CC_CALL(fchmodat, B)),
    CC_CALL(bind, B),
    CC_CALL(listen, B),
    CC_CALL(unlink, B | M),
    Without(SCMP_SYS(unlink), CC_CALL(unlinkat, B | M)),
    CC_CALL(accept4, D),
    CC_CALL(connect, D),
    CC_CALL(sendmsg, D),
    CC_CALL(shutdown, D),
    // Taps, opened by the shim.
    Ioctl(B | D, "ioctl TUNSETOFFLOAD", TUNSETOFFLOAD),
    Ioctl(B, "ioctl TUNSETVNETHDRSZ", TUNSETVNETHDRSZ),
    Ioctl(B, "ioctl TUNGETIFF", TUNGETIFF),

    // KVM: making the VM.
    Ioctl(B, "KVM_CHECK_EXTENSION", KVM_CHECK_EXTENSION),
    Ioctl(B, "KVM_GET_VCPU_MMAP_SIZE", KVM_GET_VCPU_MMAP_SIZE),
    Ioctl(B, "KVM_CREATE_VM", KVM_CREATE_VM),
    Ioctl(B, "KVM_CREATE_VCPU", KVM_CREATE_VCPU),
    Ioctl(B, "KVM_CREATE_DEVICE", KVM_CREATE_DEVICE),
    Ioctl(B, "KVM_SET_DEVICE_ATTR", KVM_SET_DEVICE_ATTR),
    Ioctl(B, "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION),
    Ioctl(B, "KVM_IRQFD", KVM_IRQFD),
    Ioctl(B, "KVM_IOEVENTFD", KVM_IOEVENTFD),
    Ioctl(B, "KVM_ARM_PREFERRED_TARGET", uapi::kArmPreferredTarget),
    Ioctl(B, "KVM_ARM_VCPU_INIT", uapi::kArmVcpuInit),
    Ioctl(B, "KVM_ARM_VCPU_FINALIZE", uapi::kArmVcpuFinalize),
    Ioctl(B, "KVM_SET_ONE_REG", uapi::kSetOneReg),
    // Realms.
    Ioctl(B, "KVM_GET_ONE_REG", uapi::kGetOneReg),
    Ioctl(B, "KVM_ENABLE_CAP", uapi::kEnableCap),
    Ioctl(B, "KVM_CREATE_GUEST_MEMFD", uapi::kCreateGuestMemfd),
    Ioctl(B, "KVM_SET_USER_MEMORY_REGION2", uapi::kSetUserMemoryRegion2),
    Ioctl(B | V, "KVM_SET_MEMORY_ATTRIBUTES", uapi::kSetMemoryAttributes),
    Ioctl(B, "KVM_ARM_RMI_POPULATE (v12)", uapi::kRmiPopulate_v12),
    Ioctl(B, "KVM_ARM_RMI_POPULATE", uapi::kRmiPopulate_v13),
    // The guest shares memory, or takes it back.
    CC_CALL(fallocate, V),
    Call(SCMP_SYS(madvise), B | V, "madvise MADV_REMOVE", Is(2, MADV_REMOVE)),
    // Running it.
    Ioctl(V, "KVM_RUN", KVM_RUN),
    CC_CALL(sched_yield, V),
    Ioctl(D, "KVM_IRQ_LINE", KVM_IRQ_LINE),
};
#undef CC_CALL

}  // namespace

std::span<const Rule> Rules() { return kRules; }

}  // namespace cc::vmm::kvm::jail
