// SPDX-License-Identifier: Apache-2.0
// The one seam between us and KVM: every system call that makes, fills, runs or frees a VM goes through it,
// so that a fake can stand in (fake_kvm.h) and every failure can be tried. Results are those of the kernel: a
// value that is not negative, or -errno. Descriptors are real ones also in the fake; whoever asked for one
// owns it (UniqueFd).
#ifndef CC_CCA_REALM_KVM_CALLS_H_
#define CC_CCA_REALM_KVM_CALLS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace cc::cca::realm {

// Implementations may be called from any thread.
class KvmCalls {
 public:
  virtual ~KvmCalls() = default;

  // open(2) with O_CLOEXEC added.
  virtual int Open(const char* path, int flags) = 0;

  // ioctl(2) with a pointer, to the structure that `request` says. -EINTR is the caller's to handle:
  // KVM_RUN uses it.
  virtual int Ioctl(int fd, unsigned long request, void* argument) = 0;
  // ioctl(2) with a number or nothing.
  int Ioctl(int fd, unsigned long request, uintptr_t number = 0) {
    // SAFETY: the kernel reads a number from the argument's register; nothing follows it as a pointer.
    return Ioctl(fd, request, reinterpret_cast<void*>(number));
  }

  // memfd_create(2) with MFD_CLOEXEC, `size` bytes for ever (F_SEAL_SHRINK, F_SEAL_GROW).
  virtual int CreateMemory(const char* name, uint64_t size) = 0;

  // mmap(2) at an address of the kernel's choice. 0 and the address in `*mapped`, or -errno.
  virtual int Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) = 0;
  virtual int Munmap(void* address, size_t size) = 0;
  virtual int Madvise(void* address, size_t size, int advice) = 0;
  virtual int Fallocate(int fd, int mode, off_t offset, off_t size) = 0;

  // A small file such as a module parameter in sysfs, whole. NotFound when it is not there.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path) = 0;
};

// The kernel's. Lives for ever.
KvmCalls& RealKvm();

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_KVM_CALLS_H_
