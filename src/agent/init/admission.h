// SPDX-License-Identifier: Apache-2.0
// Whether a workload may start, and under which policy, in a guest that was given initdata. In a Realm none
// of it counts before the data hub has found the personalization value that announces it; elsewhere nothing
// could vouch for it and nobody waits.
#ifndef CC_AGENT_INIT_ADMISSION_H_
#define CC_AGENT_INIT_ADMISSION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/init/init_data.h"
#include "agent/policy/agent_policy.h"
#include "initdata/verdict.h"

namespace cc::agent {

// Asks the data hub, and waits.
using AskForVerdict = std::function<absl::StatusOr<initdata::Binding>()>;

// OK when workloads may start; the policy of the initdata, if it has one, is in force then. Otherwise
// `policy` is as it was. `ask` is called in a Realm with initdata only.
absl::Status Admit(const InitDataFiles& init_data, bool in_realm, const AskForVerdict& ask,
                   AgentPolicy& policy);

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_ADMISSION_H_
