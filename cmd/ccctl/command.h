// SPDX-License-Identifier: Apache-2.0
// What each group of commands of ccctl adds to the command line, and how a command ends.
#ifndef CC_CMD_CCCTL_COMMAND_H_
#define CC_CMD_CCCTL_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::ccctl {

// Set by the command that ran.
struct Outcome {
  absl::Status status;
  int exit_code = 0;  // of a command that did its work and has bad news
};

inline constexpr int kExitFailed = 1;
inline constexpr int kExitNotUsable = 2;  // check: this node cannot run pods

void AddImage(CLI::App& app, Outcome& outcome);
void AddKey(CLI::App& app, Outcome& outcome);
void AddKeyProvider(CLI::App& app, Outcome& outcome);
void AddTrustee(CLI::App& app, Outcome& outcome);
void AddMeasure(CLI::App& app, Outcome& outcome);
void AddRealm(CLI::App& app, Outcome& outcome);
void AddCheck(CLI::App& app, Outcome& outcome);

// Runs `body` when the command is chosen.
inline void OnRun(CLI::App* command, Outcome& outcome, std::function<absl::Status()> body) {
  command->callback([&outcome, body = std::move(body)] { outcome.status = body(); });
}

// The content of a file, or of standard input for "-".
absl::StatusOr<std::string> ReadInput(const std::string& path);
void Print(std::string_view text);

}  // namespace cc::ccctl

#endif  // CC_CMD_CCCTL_COMMAND_H_
