// SPDX-License-Identifier: Apache-2.0
// Further processes in a container, and signals to its processes.
#ifndef CC_AGENT_RUN_EXEC_H_
#define CC_AGENT_RUN_EXEC_H_

#include <string_view>

#include "absl/status/status.h"
#include "agent/run/sandbox.h"
#include "kata/agent.pb.h"

namespace cc::agent {

// What the request leaves open (environment, working directory, user) is that of the container's init.
absl::Status ExecProcess(Sandbox& sandbox, const grpc::ExecProcessRequest& request);

// No exec id and SIGKILL: every process of the container, and its creation if that is under way. Otherwise
// one process; SIGTERM to an init that does not handle it becomes SIGKILL, because a PID 1 ignores it.
// NotFound for a process that has ended.
absl::Status SignalProcess(Sandbox& sandbox, const grpc::SignalProcessRequest& request);

// True when the text of /proc/<pid>/status says that `signal` has a handler.
bool HandlesSignal(std::string_view status, int signal);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_EXEC_H_
