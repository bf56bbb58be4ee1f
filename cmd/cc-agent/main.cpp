// SPDX-License-Identifier: Apache-2.0
// cc-agent: PID 1 of the guest. Outside a guest, for tests: cc-agent --no-init --listen
// unix:///tmp/agent.sock
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>

#include "agent/daemon.h"
#include "agent/init/guest_init.h"
#include "agent_proto/names.h"
#include "base/log.h"

int main(int argc, char** argv) {
  cc::agent::DaemonOptions options;
  options.sandbox.base = std::string(cc::agent_proto::kContainerBase);
  options.sandbox.data_hub = std::string(cc::agent_proto::kDataHubSocket);
  options.sandbox.crun = "/usr/bin/crun";
  options.sandbox.pause = "/usr/bin/cc-pause";
  options.sandbox.cgroup_root = "/sys/fs/cgroup";
  bool no_init = false;

  // The kernel hands words of its command line to PID 1 as arguments; they are not for this parser.
  options.sandbox.init = ::getpid() == 1;
  if (!options.sandbox.init) {
    CLI::App app("Agent of a kata-cc guest: runs the containers of one pod");
    app.set_version_flag("--version", CC_VERSION);
    app.add_option("--listen", options.listen, "vsock, or unix:///path")->capture_default_str();
    app.add_flag("--no-init", no_init, "do not set the machine up; required unless this is PID 1")
        ->required();
    app.add_option("--crun", options.sandbox.crun, "OCI runtime")->capture_default_str();
    app.add_option("--pause", options.sandbox.pause, "static program of the pause container")
        ->capture_default_str();
    app.add_option("--base-dir", options.sandbox.base, "directory of bundles and volumes")
        ->capture_default_str();
    app.add_option("--data-hub", options.sandbox.data_hub, "socket of the data hub")->capture_default_str();
    app.add_option("--cgroup-root", options.sandbox.cgroup_root, "where cgroup v2 is mounted")
        ->capture_default_str();
    app.footer("Example: cc-agent --no-init --listen unix:///tmp/agent.sock --base-dir /tmp/agent");
    CLI11_PARSE(app, argc, argv);
  }

  const bool init = options.sandbox.init;
  const absl::Status status = cc::agent::RunDaemon(std::move(options));
  if (!status.ok()) cc::log::Error("agent failed", {{"error", status}});
  if (init) cc::agent::PowerOff();
  return status.ok() ? 0 : 1;
}
