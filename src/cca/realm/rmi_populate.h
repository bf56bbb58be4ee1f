// SPDX-License-Identifier: Apache-2.0
// KVM_ARM_RMI_POPULATE of the series v12 to v15 ("RMI"), in its two forms. The first call makes the Realm.
#ifndef CC_CCA_REALM_RMI_POPULATE_H_
#define CC_CCA_REALM_RMI_POPULATE_H_

#include "absl/status/status.h"
#include "cca/generation.h"
#include "cca/plan.h"
#include "cca/realm/kvm_calls.h"

namespace cc::cca::realm {

// Puts the content of `range` into private memory. `abi` has a `populate` request. KVM may do a part and
// wants to be called again; a call that does nothing, or more than was asked, is an Internal error.
absl::Status RmiPopulate(KvmCalls& kvm, int vm, const GenerationAbi& abi, const Populate& range);

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_RMI_POPULATE_H_
