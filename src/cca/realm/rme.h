// SPDX-License-Identifier: Apache-2.0
// The explicit Realm calls of the series v5 to v10 ("RME"): KVM_ENABLE_CAP on the VM with a command and a
// structure. Order is the caller's business (generation.h).
#ifndef CC_CCA_REALM_RME_H_
#define CC_CCA_REALM_RME_H_

#include <cstdint>

#include "absl/status/status.h"
#include "cca/plan.h"
#include "cca/realm/kvm_calls.h"
#include "cca/realm/memory.h"
#include "cca/uapi.h"

namespace cc::cca::realm {

class RmeCalls {
 public:
  RmeCalls(KvmCalls& kvm, int vm, uint32_t capability) : kvm_(kvm), vm_(vm), capability_(capability) {}

  absl::Status ConfigHash(RealmHash hash) const;
  absl::Status ConfigRpv(const RealmParams& params) const;
  absl::Status CreateRealm() const;
  absl::Status InitRipas(const cca::InitRipas& range) const;
  // KVM reads the content from the shared side of the same address: it is put there and given back
  // afterwards.
  absl::Status Populate(const cca::Populate& range, RealmMemory& memory) const;
  absl::Status Activate() const;

 private:
  int Enable(uapi::RmeCommand command, const void* argument) const;

  KvmCalls& kvm_;
  const int vm_;
  const uint32_t capability_;
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_RME_H_
