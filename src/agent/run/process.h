// SPDX-License-Identifier: Apache-2.0
// One process that a container runs: its init, or one that exec started. Thread-safe.
#ifndef CC_AGENT_RUN_PROCESS_H_
#define CC_AGENT_RUN_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/run/streams.h"
#include "ttrpc/server.h"

namespace cc::agent {

class Process {
 public:
  Process(pid_t pid, std::shared_ptr<Streams> streams) : pid_(pid), streams_(std::move(streams)) {}

  pid_t pid() const { return pid_; }
  Streams& streams() { return *streams_; }

  // NotFound once it has ended.
  absl::Status Signal(int signal);

  // Blocks until it ends; exit code, or 128 + signal. Any number of callers, any number of times.
  // DeadlineExceeded when `timeout` is given and passes first.
  absl::StatusOr<int> Wait(const ttrpc::CallContext& call,
                           std::optional<std::chrono::seconds> timeout = std::nullopt);

  std::optional<int> exit_status() const;

  // For the reaper, before the pid can be given to another process.
  void MarkExited(int status);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<int> status;
  };
  const pid_t pid_;
  const std::shared_ptr<Streams> streams_;
  // Shared with the callbacks of callers that stop waiting.
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_PROCESS_H_
