// SPDX-License-Identifier: Apache-2.0
// What the measured kernel command line says to the agent. Names are upstream's.
#ifndef CC_AGENT_INIT_KERNEL_PARAMS_H_
#define CC_AGENT_INIT_KERNEL_PARAMS_H_

#include <chrono>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::agent {

struct KernelParams {
  bool debug_log = false;                         // agent.log=debug or trace
  std::chrono::seconds image_pull_timeout{1200};  // agent.image_pull_timeout
  bool start_data_hub = true;                     // not with agent.guest_components_procs=none
};

// Unknown parameters are others'. InvalidArgument for a value that makes no sense: a guest that was
// configured otherwise than meant must not run.
absl::StatusOr<KernelParams> ParseKernelParams(std::string_view cmdline);

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_KERNEL_PARAMS_H_
