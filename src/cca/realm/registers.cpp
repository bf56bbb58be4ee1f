// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/registers.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"

namespace cc::cca::realm {
namespace {

int Access(KvmCalls& kvm, int vcpu, uint32_t request, uint64_t id, uint64_t* value) {
  // SAFETY: the register has 64 bits; the kernel reads or writes them during the call only.
  uapi::OneReg reg = {.id = id, .addr = reinterpret_cast<uint64_t>(value)};
  return kvm.Ioctl(vcpu, request, &reg);
}

uint8_t Field(uint64_t value, unsigned shift) { return value >> shift & 0xf; }

uint64_t WithField(uint64_t value, unsigned shift, uint8_t field) {
  return (value & ~(uint64_t{0xf} << shift)) | uint64_t{field} << shift;
}

}  // namespace

absl::Status SetDebugRegisters(KvmCalls& kvm, int vcpu, const RealmParams& params) {
  uint64_t value = 0;
  CC_RETURN_IF_ERROR(
      Checked(Access(kvm, vcpu, uapi::kGetOneReg, uapi::kIdAa64Dfr0, &value), "read ID_AA64DFR0_EL1"));
  const uint8_t breakpoints = Field(value, uapi::kDfr0Breakpoints);
  const uint8_t watchpoints = Field(value, uapi::kDfr0Watchpoints);
  if (breakpoints == params.num_bps && watchpoints == params.num_wps) return absl::OkStatus();
  uint64_t wanted = WithField(value, uapi::kDfr0Breakpoints, params.num_bps);
  wanted = WithField(wanted, uapi::kDfr0Watchpoints, params.num_wps);
  wanted = WithField(wanted, uapi::kDfr0ContextAware,
                     std::min(Field(value, uapi::kDfr0ContextAware), params.num_bps));
  const int result = Access(kvm, vcpu, uapi::kSetOneReg, uapi::kIdAa64Dfr0, &wanted);
  if (result >= 0) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat(
      "the guest is to see ", params.num_bps + 1, " breakpoints and ", params.num_wps + 1,
      " watchpoints, which are measured; this machine has ", breakpoints + 1, " and ", watchpoints + 1,
      " and does not change them (", MessageOf(ErrnoStatus(-result, "ID_AA64DFR0_EL1")),
      "); they are the same on every node, so that one measurement holds for all: use a machine that has "
      "them, or a kernel that can lower its own to them"));
}

absl::Status SetBootRegisters(KvmCalls& kvm, int vcpu, const CreateRec& rec) {
  for (unsigned i = 0; i < rec.gprs.size(); ++i) {
    uint64_t value = rec.gprs[i];
    CC_RETURN_IF_ERROR(
        Checked(Access(kvm, vcpu, uapi::kSetOneReg, uapi::GprRegister(i), &value), StrCat("set x", i)));
  }
  uint64_t pc = rec.pc;
  return Checked(Access(kvm, vcpu, uapi::kSetOneReg, uapi::kPcRegister, &pc), "set pc");
}

}  // namespace cc::cca::realm
