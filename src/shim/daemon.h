// SPDX-License-Identifier: Apache-2.0
// The long-lived process of a pod.
#ifndef CC_SHIM_DAEMON_H_
#define CC_SHIM_DAEMON_H_

#include "base/unique_fd.h"
#include "shim/start.h"
#include "vmm/registry.h"

namespace cc::shim {

// Serves until containerd asks for the end, or SIGTERM or SIGINT comes, which end the pod in order: VM
// stopped, exits published, socket and state removed. The current directory is the bundle. Returns the exit
// code.
int RunDaemon(const DaemonOptions& options, UniqueFd listener, const vmm::Registry& backends);

}  // namespace cc::shim

#endif  // CC_SHIM_DAEMON_H_
