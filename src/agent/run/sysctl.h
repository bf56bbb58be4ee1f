// SPDX-License-Identifier: Apache-2.0
// Kernel settings of the namespaces that a pod shares with the guest.
#ifndef CC_AGENT_RUN_SYSCTL_H_
#define CC_AGENT_RUN_SYSCTL_H_

#include <map>
#include <string>

#include "absl/status/status.h"

namespace cc::agent {

// Writes each "net.core.somaxconn" style key beneath /proc/sys. Keys are checked before (spec_policy.h).
absl::Status WriteSysctls(const std::map<std::string, std::string>& sysctls);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_SYSCTL_H_
