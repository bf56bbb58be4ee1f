// SPDX-License-Identifier: Apache-2.0
// The system calls of a cc-vmm in its jail, as data. Whatever no rule of a thread's kind allows ends the
// process (SECCOMP_RET_KILL_PROCESS). The first filter, installed when the jail closes, allows what any kind
// may do, because later filters can only take away; each thread then installs that of its kind.
//
// No rule opens a file, makes a process, runs a program, maps executable memory, traces, or changes
// privileges. What a pointer leads to a filter cannot see: names in rules like unlink mean the empty root and
// the VM's socket directory (namespaces.h), nothing else is there.
#ifndef CC_VMM_KVM_JAIL_RULES_H_
#define CC_VMM_KVM_JAIL_RULES_H_

#include <cstdint>
#include <optional>
#include <span>

#include "vmm/kvm/jail/threads.h"

namespace cc::vmm::kvm::jail {

// Holds when (argument & mask) == value.
struct Condition {
  unsigned argument;
  uint64_t mask;
  uint64_t value;
};
// In the place of a value: this process's id.
inline constexpr uint64_t kOwnPid = UINT64_MAX;

struct Rule {
  enum class Answer : uint8_t {
    kAllow,
    kNoSuchCall,  // ENOSYS: libc has another way, whose arguments a filter can see
  };
  int call;          // of libseccomp: negative where this architecture has no such call
  uint8_t kinds;     // a bit for each ThreadKind
  const char* name;  // for people
  std::optional<Condition> condition;
  Answer answer = Answer::kAllow;
  // libc or the kernel makes this call under conditions that a test cannot bring about.
  bool rare = false;

  bool Has(ThreadKind kind) const { return (kinds >> static_cast<int>(kind) & 1) != 0; }
  bool exists() const { return call >= 0; }
};

std::span<const Rule> Rules();

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_RULES_H_
