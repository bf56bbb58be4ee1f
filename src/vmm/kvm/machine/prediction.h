// SPDX-License-Identifier: Apache-2.0
// The Realm Initial Measurement that a guest will have, computed from the same value (machine.h) that the VM
// is built from. No KVM is needed.
#ifndef CC_VMM_KVM_MACHINE_PREDICTION_H_
#define CC_VMM_KVM_MACHINE_PREDICTION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cca/generation.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::vmm::kvm {

// Generations that build a Realm in one order on the same RMM give one measurement.
struct PredictedRim {
  std::vector<std::string> generations;  // names, oldest first
  std::string rim;                       // raw bytes, as long as the hash
};

// One entry for each measurement that differs. `machine` is of a Realm. Generations that cannot make it (they
// have no sha512, or take no personalization value) are left out; FailedPrecondition when none is left.
absl::StatusOr<std::vector<PredictedRim>> PredictRims(const Machine& machine);

struct RimByRmm {
  cca::RmmVersion rmm;
  std::string rim;  // raw bytes, as long as the hash
};

// What each version of the RMM makes of a Realm that is built in the order of `abi`; the version that the
// generation is written for is first. The kernel does not tell which version it found.
absl::StatusOr<std::vector<RimByRmm>> PredictRimsOf(const Machine& machine, const cca::GenerationAbi& abi);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_PREDICTION_H_
