// SPDX-License-Identifier: Apache-2.0
// The agent's life: set up the guest, open the server, reap, end.
#ifndef CC_AGENT_DAEMON_H_
#define CC_AGENT_DAEMON_H_

#include <string>

#include "absl/status/status.h"
#include "agent/run/sandbox.h"

namespace cc::agent {

struct DaemonOptions {
  SandboxConfig sandbox;
  std::string listen = "vsock";  // or "unix:///path"
  std::string modules = "/etc/cc-agent/modules";
  std::string realm_modules = "/etc/cc-agent/realm-modules";  // loaded in Realms only
  std::string data_hub_program = "/usr/bin/cc-datahub";
};

// Blocks until the sandbox is destroyed or SIGTERM comes. Call on the main thread, before any other thread
// exists. With sandbox.init the caller powers off afterwards, whatever is returned.
absl::Status RunDaemon(DaemonOptions options);

}  // namespace cc::agent

#endif  // CC_AGENT_DAEMON_H_
