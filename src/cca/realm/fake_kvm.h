// SPDX-License-Identifier: Apache-2.0
// For tests: a kernel with one generation of the Realm ABI, behind the seam of kvm_calls.h. It writes down
// every call, can fail any of them, knows which descriptors and mappings are still open, and runs nothing:
// what a vCPU's KVM_RUN gives is what the test has prepared.
#ifndef CC_CCA_REALM_FAKE_KVM_H_
#define CC_CCA_REALM_FAKE_KVM_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "cca/generation.h"
#include "cca/realm/fake_realm.h"
#include "cca/realm/kvm_calls.h"

namespace cc::cca::realm {

struct FakeKvmOptions {
  std::optional<Generation> generation;        // none: a kernel that knows no Realms
  bool rmm = true;                             // a Realm Management Monitor answers
  bool sha512 = true;                          // the RMM has it
  int max_ipa_bits = 40;                       // of the RMM
  int host_ipa_bits = 48;                      // of KVM
  std::optional<uint32_t> live_capability;     // the number in use and in sysfs, if not the table's
  bool in_place_conversion = true;             // v15: capability 250 is there
  std::map<uint32_t, int> other_capabilities;  // what mainline has under these numbers
  uint64_t populate_bytes = 0;                 // RMI: does at most this much in one call; 0 = all
  bool populate_stuck = false;                 // RMI: says it did nothing
};

class FakeKvm : public KvmCalls {
 public:
  explicit FakeKvm(FakeKvmOptions options);
  ~FakeKvm() override;

  int Open(const char* path, int flags) override;
  int Ioctl(int fd, unsigned long request, void* argument) override;
  using KvmCalls::Ioctl;
  int CreateMemory(const char* name, uint64_t size) override;
  int Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) override;
  int Munmap(void* address, size_t size) override;
  int Madvise(void* address, size_t size, int advice) override;
  int Fallocate(int fd, int mode, off_t offset, off_t size) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path) override;

  // One line for each call: who, the request number, its argument field by field.
  std::vector<std::string> trace;
  // Call number `index` (from 0) gives -error and does nothing else.
  void FailCall(size_t index, int error) { fail_index_ = index, fail_error_ = error; }
  size_t calls() const { return calls_; }

  // What the next KVM_RUN gives.
  struct Exit {
    int result = 0;
    uint32_t reason = 0;
    uint64_t flags = 0, gpa = 0, size = 0;
  };
  std::deque<Exit> exits;
  // The guest asks for a change of its memory, in this generation's form. When the vCPU runs again, it is an
  // error (`violations`) if the host did not do its part.
  void GuestWants(uint64_t gpa, uint64_t size, bool to_private);
  std::vector<std::string> violations;

  FakeRealm* realm() { return realm_.get(); }  // of the VM made last; null when it is no Realm
  int OpenDescriptors() const;
  int OpenMappings() const { return static_cast<int>(mappings_.size()); }

 private:
  enum class Kind { kKvm, kVm, kVcpu, kVgic, kGuestMemfd, kShared };
  struct Handle {
    Kind kind;
    size_t index;  // of its kind
    ino_t inode;   // tells whether the number still means this descriptor
    bool realm_vm = false;
    std::byte* run = nullptr;  // vCPU: our view of its kvm_run
    bool in_mmio = false;      // vCPU: its last exit was for a device
  };

  std::optional<int> Failure();
  Handle* Find(int fd);
  int NewHandle(Kind kind, size_t index, uint64_t size = 0);
  void Note(const Handle& handle, unsigned long request, const std::string& argument);
  int CheckExtension(const Handle& handle, uint32_t capability);
  int CreateVm(uint64_t type);
  int VmIoctl(Handle& handle, unsigned long request, void* argument);
  int EnableCap(const Handle& handle, const uint8_t* argument);
  int CreateGuestMemfd(const Handle& handle, const uint8_t* argument);
  int SetMemoryRegion(const Handle& handle, const uint8_t* argument);
  int Populate(const Handle& handle, unsigned long request, uint8_t* argument);
  int VcpuIoctl(Handle& handle, unsigned long request, void* argument);
  int Run(Handle& handle);
  void CompleteMmio(Handle& handle);
  void CheckConversion(const Exit& wish);

  const FakeKvmOptions options_;
  const GenerationAbi* const abi_;
  uint32_t capability_ = 0;
  std::map<int, Handle> handles_;
  std::map<void*, size_t> mappings_;
  std::unique_ptr<FakeRealm> realm_;
  std::optional<Exit> pending_;  // a wish that the next run commits
  size_t calls_ = 0, memfds_ = 0, shared_ = 0;
  std::optional<size_t> fail_index_;
  int fail_error_ = 0;
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_FAKE_KVM_H_
