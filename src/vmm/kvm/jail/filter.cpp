// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/jail/filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cc::vmm::kvm::jail {
namespace {

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

uint32_t Action(const Rule& rule, Allowed allowed, uint16_t mark) {
  // A traced call that is to fail fails as its filter says; a test sees the other way libc takes.
  if (rule.answer == Rule::Answer::kNoSuchCall) return SCMP_ACT_ERRNO(ENOSYS);
  return allowed == Allowed::kTrace ? SCMP_ACT_TRACE(mark) : SCMP_ACT_ALLOW;
}

absl::Status AddRule(scmp_filter_ctx filter, const Rule& rule, uint32_t action) {
  int result;
  if (rule.condition) {
    const uint64_t value =
        rule.condition->value == kOwnPid ? static_cast<uint64_t>(::getpid()) : rule.condition->value;
    const scmp_arg_cmp compare{rule.condition->argument, SCMP_CMP_MASKED_EQ, rule.condition->mask, value};
    result = ::seccomp_rule_add_array(filter, action, rule.call, 1, &compare);
  } else {
    result = ::seccomp_rule_add_array(filter, action, rule.call, 0, nullptr);
  }
  // Another rule says the same, for another kind of thread.
  if (result == -EEXIST) return absl::OkStatus();
  return result == 0 ? absl::OkStatus() : ErrnoStatus(-result, StrCat("add the seccomp rule ", rule.name));
}

absl::StatusOr<Program> Export(scmp_filter_ctx filter) {
  const UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "make room for a seccomp filter");
  if (const int result = ::seccomp_export_bpf(filter, file.get()); result != 0) {
    return ErrnoStatus(-result, "compile a seccomp filter");
  }
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0 || static_cast<size_t>(size) % sizeof(sock_filter) != 0) {
    return absl::InternalError("libseccomp wrote no filter");
  }
  Program program(static_cast<size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<size_t>(size), 0) != size) {
    return ErrnoStatus(errno, "read a seccomp filter");
  }
  return program;
}

}  // namespace

absl::StatusOr<Program> Compile(std::span<const Rule> rules, ThreadKind kind, Allowed allowed) {
  const Context filter(::seccomp_init(SCMP_ACT_KILL_PROCESS), &::seccomp_release);
  if (filter == nullptr) return absl::InternalError("libseccomp cannot kill processes: older than 2.4");
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary search over the calls instead of a walk, since libseccomp 2.5.
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (const bool own : {true, false}) {
    if (!own && kind != ThreadKind::kBuilder) break;
    for (size_t i = 0; i < rules.size(); ++i) {
      if (!rules[i].exists() || rules[i].Has(kind) != own) continue;
      CC_RETURN_IF_ERROR(AddRule(filter.get(), rules[i], Action(rules[i], allowed, RuleMark(kind, i))));
    }
  }
  return Export(filter.get());
}

absl::Status Install(const Program& program) {
  const sock_fprog prog{static_cast<uint16_t>(program.size()), const_cast<sock_filter*>(program.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0) return absl::OkStatus();
  return Annotate(ErrnoStatus(errno, "install a seccomp filter"),
                  "cc-vmm does not run a guest without one (the kernel needs CONFIG_SECCOMP_FILTER)");
}

}  // namespace cc::vmm::kvm::jail
