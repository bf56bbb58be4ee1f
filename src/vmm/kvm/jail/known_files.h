// SPDX-License-Identifier: Apache-2.0
// The kernel's KVM for a process that can open nothing: the one file that probing reads is read beforehand.
#ifndef CC_VMM_KVM_JAIL_KNOWN_FILES_H_
#define CC_VMM_KVM_JAIL_KNOWN_FILES_H_

#include <cerrno>
#include <string>

#include "base/strings.h"
#include "cca/realm/kvm_calls.h"

namespace cc::vmm::kvm::jail {

// Everything but Open and ReadFile is `kvm`'s, which outlives it.
class KvmWithoutFiles : public cca::realm::KvmCalls {
 public:
  KvmWithoutFiles(cca::realm::KvmCalls& kvm, std::string path)
      : kvm_(kvm), path_(std::move(path)), content_(kvm.ReadFile(path_)) {}

  int Open(const char*, int) override { return -EPERM; }
  int Ioctl(int fd, unsigned long request, void* argument) override {
    return kvm_.Ioctl(fd, request, argument);
  }
  int CreateMemory(const char* name, uint64_t size) override { return kvm_.CreateMemory(name, size); }
  int Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) override {
    return kvm_.Mmap(size, protection, flags, fd, offset, mapped);
  }
  int Munmap(void* address, size_t size) override { return kvm_.Munmap(address, size); }
  int Madvise(void* address, size_t size, int advice) override { return kvm_.Madvise(address, size, advice); }
  int Fallocate(int fd, int mode, off_t offset, off_t size) override {
    return kvm_.Fallocate(fd, mode, offset, size);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    if (path == path_) return content_;
    return absl::PermissionDeniedError(StrCat(path, ": files cannot be opened in the jail"));
  }

 private:
  cca::realm::KvmCalls& kvm_;
  const std::string path_;
  const absl::StatusOr<std::string> content_;
};

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_KNOWN_FILES_H_
