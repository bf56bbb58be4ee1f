// SPDX-License-Identifier: Apache-2.0
// The end of a container: what was set up for it is undone, and nothing is left behind.
#ifndef CC_AGENT_RUN_RELEASE_H_
#define CC_AGENT_RUN_RELEASE_H_

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "agent/run/sandbox.h"
#include "ttrpc/server.h"

namespace cc::agent {

// Kills what runs, removes cgroup, mounts, volumes, copied files and bundle. Goes on after a failure and
// returns the first. The caller is the one who created the container and failed, or who won
// Container::BeginRemoval.
absl::Status Release(Sandbox& sandbox, Container& container);

// RemoveContainer: ends a creation that is under way, or kills all processes, waits until init has ended (at
// most `timeout`; DeadlineExceeded leaves the container as it is), releases, forgets.
absl::Status RemoveContainer(Sandbox& sandbox, const ttrpc::CallContext& call, const std::string& id,
                             std::optional<std::chrono::seconds> timeout);

// Every container, as far as it goes. For the end of the sandbox.
void RemoveAll(Sandbox& sandbox, const ttrpc::CallContext& call);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_RELEASE_H_
