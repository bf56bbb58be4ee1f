// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"
#include "cca/realm/realm_vm.h"

namespace cc::cca::realm {
namespace {

constexpr uint32_t kKvmRun = uapi::RequestNone(0x80);

// SAFETY (all): `run` is a kvm_run of at least a page, which the kernel writes during KVM_RUN only.
uint32_t* ExitReason(void* run) {
  return reinterpret_cast<uint32_t*>(static_cast<std::byte*>(run) + uapi::kRunExitReason);
}

// Not every generation does it: v14 reports the lower half.
void StripMmioAddress(void* run, SharedAlias alias) {
  std::byte* const data = static_cast<std::byte*>(run) + uapi::kRunExitData;
  uint64_t address;
  std::memcpy(&address, data, sizeof(address));
  address = alias.Strip(address);
  std::memcpy(data, &address, sizeof(address));
}

uapi::ExitMemoryFault MemoryFault(const void* run) {
  uapi::ExitMemoryFault fault;
  std::memcpy(&fault, static_cast<const std::byte*>(run) + uapi::kRunExitData, sizeof(fault));
  return fault;
}

}  // namespace

absl::StatusOr<RunResult> RealmVm::Run(int vcpu, void* run) {
  // EFAULT tells of a memory fault only if this very call set the reason. Any other reason stays: KVM looks
  // for KVM_EXIT_MMIO there to hand the guest what it read.
  if (*ExitReason(run) == uapi::kExitMemoryFault) *ExitReason(run) = uapi::kExitUnknown;
  const int result = kvm_.Ioctl(vcpu, kKvmRun);
  const uint32_t reason = *ExitReason(run);
  // 0 up to v6, EFAULT since; v6 and v7 cannot be told apart beforehand, so both mean the same.
  if (reason == uapi::kExitMemoryFault && (result == 0 || result == -EFAULT)) {
    const uapi::ExitMemoryFault fault = MemoryFault(run);
    const bool to_private = (fault.flags & uapi::kMemoryExitPrivate) != 0;
    // No way to refuse but not to run again: the change is made when the vCPU runs (v5: it is made already).
    CC_RETURN_IF_ERROR(Annotate(memory_->Convert(alias_.Strip(fault.gpa), fault.size, to_private),
                                to_private ? "make memory private" : "share memory"));
    return RunResult::kAgain;
  }
  // Another vCPU has powered the Realm off or reset it and reports that itself (up to v13, since v14).
  if (result == 0 && (reason == uapi::kExitUnknown || reason == uapi::kExitShutdown)) {
    ::sched_yield();
    return RunResult::kAgain;
  }
  switch (-result) {
    case EINTR:
      return RunResult::kInterrupted;
    case EAGAIN:  // the REC cannot run yet, or another vCPU is in the way
      ::sched_yield();
      return RunResult::kAgain;
    case ENXIO:
      return absl::FailedPreconditionError("run a vCPU: the Realm is dead (ENXIO)");
    case EPERM:
      return absl::FailedPreconditionError("run a vCPU: KVM did not activate the Realm (EPERM)");
    default:
      CC_RETURN_IF_ERROR(Checked(result, StrCat("run a vCPU (exit reason ", reason, ")")));
      if (reason == uapi::kExitMmio) StripMmioAddress(run, alias_);
      return RunResult::kExit;
  }
}

}  // namespace cc::cca::realm
