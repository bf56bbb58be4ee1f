// SPDX-License-Identifier: Apache-2.0
// The RAM of a Realm. Each range has two sides: a guest_memfd, which holds what is private and which nobody
// here can read, and ordinary memory for what the guest shares. A page is on one side at a time; changing it
// gives up the content of the other.
#ifndef CC_CCA_REALM_MEMORY_H_
#define CC_CCA_REALM_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cca/plan.h"
#include "cca/realm/kvm_calls.h"

namespace cc::cca::realm {

// A range of RAM as devices see it: its shared side.
struct SharedRange {
  uint64_t base = 0;
  uint64_t size = 0;
  int fd = -1;  // owned by the RealmMemory; sealed against shrinking
};

// Thread-safe. Released after the VM, whose slots refer to it.
class RealmMemory {
 public:
  // One slot for each range, numbered from 0. `attributes` says whether KVM keeps the sides apart by
  // KVM_SET_MEMORY_ATTRIBUTES; without, a guest_memfd is private from the start. `vm` must outlive the
  // value's last use but not the value.
  static absl::StatusOr<std::unique_ptr<RealmMemory>> Create(KvmCalls& kvm, int vm,
                                                             std::span<const InitRipas> ranges,
                                                             bool attributes);
  ~RealmMemory();
  RealmMemory(const RealmMemory&) = delete;
  RealmMemory& operator=(const RealmMemory&) = delete;

  // Before the Realm runs: all of it.
  absl::Status MakePrivate();

  // The guest's wish about [base, base + size), which it may make for any addresses: what is no RAM is left
  // alone, and so are pages that are on the wanted side already, whose content stays. InvalidArgument when
  // the range is not made of whole granules, which KVM never reports.
  absl::Status Convert(uint64_t base, uint64_t size, bool to_private);

  // The shared side of [base, base + size); empty when that is not in one range. For content that KVM takes
  // from there (Rme populate).
  std::span<std::byte> Shared(uint64_t base, uint64_t size);
  // Gives its memory back.
  absl::Status DropShared(uint64_t base, uint64_t size);

  std::vector<SharedRange> ranges() const;

 private:
  struct Slot {
    uint64_t base = 0;
    uint64_t size = 0;
    UniqueFd guest_memfd;
    UniqueFd shared;
    std::byte* mapping = nullptr;
    std::vector<bool> is_private;  // by page
  };

  RealmMemory(KvmCalls& kvm, int vm, bool attributes) : kvm_(kvm), vm_(vm), attributes_(attributes) {}
  absl::Status AddSlot(const InitRipas& range);
  absl::Status ConvertInSlot(Slot& slot, uint64_t first, uint64_t end, bool to_private);
  absl::Status ConvertRun(Slot& slot, uint64_t offset, uint64_t size, bool to_private);
  absl::Status SetAttributes(uint64_t base, uint64_t size, bool to_private);

  KvmCalls& kvm_;
  const int vm_;
  const bool attributes_;
  // Held across the calls of one conversion: two vCPUs may ask for the same page, and the calls of the two
  // must not mix.
  std::mutex mutex_;
  std::vector<Slot> slots_;
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_MEMORY_H_
