// SPDX-License-Identifier: Apache-2.0
// ccctl: the owner's and the node's command line. See --help.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "command.h"

namespace cc::ccctl {

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path != "-") return ReadFile(path);
  constexpr size_t kMaxInput = 16 << 20;
  std::string text;
  char buffer[64 << 10];
  while (true) {
    CC_ASSIGN_OR_RETURN(const size_t got, ReadSome(STDIN_FILENO, buffer));
    if (got == 0) return text;
    if (text.size() + got > kMaxInput) return absl::ResourceExhaustedError("standard input: over 16 MiB");
    text.append(buffer, got);
  }
}

void Print(std::string_view text) { std::cout << text << std::flush; }

}  // namespace cc::ccctl

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  cc::log::Init({.level = cc::log::Level::kWarning, .component = "ccctl"});
  CLI::App app{"kata-cc: keys, encrypted images, trust service, and the state of this node"};
  app.set_version_flag("--version", CC_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Example: ccctl key new app.key\n"
      "         ccctl image encrypt docker://docker.io/library/nginx:1.27 "
      "docker://registry.example/nginx:enc "
      "--key kbs:///default/key/app --key-file app.key\n"
      "         ccctl trustee --admin-key admin.key resource put default/key/app app.key\n"
      "Exit codes: 0 done, 1 failed (the reason is on standard error), 2 check: this node is not usable,\n"
      "            100 and more: wrong usage");
  cc::ccctl::Outcome outcome;
  cc::ccctl::AddCheck(app, outcome);
  cc::ccctl::AddRealm(app, outcome);
  cc::ccctl::AddMeasure(app, outcome);
  cc::ccctl::AddKey(app, outcome);
  cc::ccctl::AddImage(app, outcome);
  cc::ccctl::AddTrustee(app, outcome);
  cc::ccctl::AddKeyProvider(app, outcome);
  CLI11_PARSE(app, argc, argv);
  if (outcome.status.ok()) return outcome.exit_code;
  std::cerr << "ccctl: " << outcome.status.message() << "\n";
  return cc::ccctl::kExitFailed;
}
