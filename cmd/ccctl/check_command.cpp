// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "command.h"
#include "node_config.h"
#include "owner/node/check.h"

namespace cc::ccctl {
namespace {

struct Flags {
  std::string config, containerd = "/run/containerd/containerd.sock";
  bool json = false;
};

absl::Status Check(const Flags& flags, Outcome& outcome) {
  node_check::Input input;
  CC_ASSIGN_OR_RETURN(const NodeConfig config, ReadNodeConfig(flags.config));
  input.spec = config.spec;
  input.backend = config.backend;
  input.containerd_socket = flags.containerd;
  // containerd's own PATH is not known here; its unit has the usual one.
  const char* path = std::getenv("PATH");
  input.search_path = StrCat(path == nullptr ? "" : path, ":/usr/local/bin:/usr/bin");
  const std::vector<node_check::Row> rows = node_check::CheckNode(input);
  Print(flags.json ? StrCat(node_check::RowsJson(rows), "\n")
                   : node_check::RowsTable(rows, ::isatty(STDOUT_FILENO) == 1));
  if (!node_check::AllUsable(rows)) outcome.exit_code = kExitNotUsable;
  return absl::OkStatus();
}

}  // namespace

void AddCheck(CLI::App& app, Outcome& outcome) {
  CLI::App* check =
      app.add_subcommand("check", "Is this node ready to run pods? Each failed row has its fix");
  check->footer("Example: ccctl check --json\nExit codes: 0 usable, 1 the check itself failed, 2 not usable");
  const auto flags = std::make_shared<Flags>();
  check->add_option("--config", flags->config, "The shim's configuration (/etc/kata-cc/config.toml)");
  check->add_option("--containerd", flags->containerd, "containerd's socket")->capture_default_str();
  check->add_flag("--json", flags->json, "Print JSON");
  OnRun(check, outcome, [flags, &outcome] { return Check(*flags, outcome); });
}

}  // namespace cc::ccctl
