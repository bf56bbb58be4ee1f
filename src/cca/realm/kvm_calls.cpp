// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/kvm_calls.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/unique_fd.h"

namespace cc::cca::realm {
namespace {

constexpr size_t kParameterLimit = 4096;

int OrErrno(int result) { return result < 0 ? -errno : result; }

class Kernel : public KvmCalls {
 public:
  int Open(const char* path, int flags) override { return OrErrno(::open(path, flags | O_CLOEXEC)); }

  // SAFETY: the caller passes what `request` says; requests carry the size of their structure.
  int Ioctl(int fd, unsigned long request, void* argument) override {
    return OrErrno(::ioctl(fd, request, argument));
  }

  int CreateMemory(const char* name, uint64_t size) override {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd.valid()) return -errno;
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return -errno;
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return -errno;
    return fd.release();
  }

  int Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) override {
    void* address = ::mmap(nullptr, size, protection, flags, fd, offset);
    if (address == MAP_FAILED) return -errno;
    *mapped = address;
    return 0;
  }

  int Munmap(void* address, size_t size) override { return OrErrno(::munmap(address, size)); }
  int Madvise(void* address, size_t size, int advice) override {
    return OrErrno(::madvise(address, size, advice));
  }
  int Fallocate(int fd, int mode, off_t offset, off_t size) override {
    return OrErrno(::fallocate(fd, mode, offset, size));
  }

  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    return cc::ReadFile(path, kParameterLimit);
  }
};

}  // namespace

KvmCalls& RealKvm() {
  static Kernel kernel;
  return kernel;
}

}  // namespace cc::cca::realm
