// SPDX-License-Identifier: Apache-2.0
// seccomp filters out of rules. Compiled beforehand, because a thread in the jail cannot do it any more.
#ifndef CC_VMM_KVM_JAIL_FILTER_H_
#define CC_VMM_KVM_JAIL_FILTER_H_

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/kvm/jail/rules.h"

namespace cc::vmm::kvm::jail {

using Program = std::vector<sock_filter>;

// What the kernel does with an allowed call. kTrace stops it for a tracer (ptrace(2), PTRACE_EVENT_SECCOMP),
// whose message is RuleMark of the rule; without a tracer the call fails. For tests.
enum class Allowed : uint8_t { kAllow, kTrace };
constexpr uint16_t RuleMark(ThreadKind kind, size_t rule) {
  return static_cast<uint16_t>(static_cast<size_t>(kind) << 10 | rule);
}

// The filter of one kind of thread; the builder's allows what any kind may do. Internal when libseccomp
// refuses a rule.
absl::StatusOr<Program> Compile(std::span<const Rule> rules, ThreadKind kind, Allowed allowed);

// For the calling thread and those it makes, for ever. Needs no_new_privs.
absl::Status Install(const Program& program);

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_FILTER_H_
