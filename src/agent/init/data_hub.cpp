// SPDX-License-Identifier: Apache-2.0
#include "agent/init/data_hub.h"

#include <sys/wait.h>

#include "agent_proto/names.h"
#include "base/log.h"
#include "base/process.h"

namespace cc::agent {
namespace {

constexpr int kMaxStarts = 5;

}  // namespace

void DataHub::Start() {
  if (starts_++ >= kMaxStarts) {
    log::Error("the data hub keeps ending; images cannot be pulled any more", {{"program", program_}});
    return;
  }
  // Its log goes to the console, beside the agent's.
  std::vector<std::string> argv{program_};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  absl::StatusOr<Child> child =
      Spawn({.argv = std::move(argv), .env = {}, .fds = {{2, 1}, {2, 2}}, .cwd = {}});
  if (!child.ok()) {
    log::Error("no data hub: images cannot be pulled", {{"error", child.status()}});
    return;
  }
  reaper_->WatchPid(child->Release(), [this](int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == agent_proto::kInitDataRefused) return refused_();
    log::Warning("the data hub has ended", {{"status", status}});
    Start();
  });
}

}  // namespace cc::agent
