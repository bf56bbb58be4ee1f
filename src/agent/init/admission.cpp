// SPDX-License-Identifier: Apache-2.0
#include "agent/init/admission.h"

#include "base/status.h"

namespace cc::agent {

absl::Status Admit(const InitDataFiles& init_data, bool in_realm, const AskForVerdict& ask,
                   AgentPolicy& policy) {
  if (init_data.found() && in_realm) {
    CC_ASSIGN_OR_RETURN(const initdata::Binding binding, ask());
    if (binding != initdata::Binding::kBound) {
      return absl::PermissionDeniedError(
          "initdata: this is a Realm, but its kernel gives no attestation report that could vouch for what "
          "the "
          "host delivered (see the guest's console)");
    }
  }
  if (init_data.policy.empty()) return absl::OkStatus();
  return policy.Set(init_data.policy);
}

}  // namespace cc::agent
