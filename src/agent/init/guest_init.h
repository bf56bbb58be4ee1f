// SPDX-License-Identifier: Apache-2.0
// The duties of PID 1 in the guest's initramfs, before the agent can serve.
#ifndef CC_AGENT_INIT_GUEST_INIT_H_
#define CC_AGENT_INIT_GUEST_INIT_H_

#include <string>

#include "absl/status/status.h"

namespace cc::agent {

// Makes the initramfs a root that can be pivoted from, mounts the usual file systems, hands out the cgroup
// controllers, brings loopback up. `cgroup_root` is where cgroup v2 is mounted. Call once, with one thread.
absl::Status SetUpGuest(const std::string& cgroup_root);

// Ends the guest. Never returns.
[[noreturn]] void PowerOff();

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_GUEST_INIT_H_
