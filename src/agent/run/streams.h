// SPDX-License-Identifier: Apache-2.0
// Standard streams of one process in a container: three pipes, or the master of a terminal. The host reads
// and writes them by RPC, as slowly as it likes; nothing is buffered here, a full pipe stops the process.
// Thread-safe.
#ifndef CC_AGENT_RUN_STREAMS_H_
#define CC_AGENT_RUN_STREAMS_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/run/latch.h"
#include "base/unique_fd.h"

namespace cc::agent {

class Streams {
 public:
  enum class Source { kStdout, kStderr };
  // The process's ends of the pipes.
  struct ChildEnds {
    UniqueFd in;
    UniqueFd out;
    UniqueFd err;
  };

  static absl::StatusOr<std::shared_ptr<Streams>> Pipes(ChildEnds* child);
  static absl::StatusOr<std::shared_ptr<Streams>> Terminal(UniqueFd master);

  bool terminal() const { return terminal_; }

  // Waits until there is output, then returns at most `limit` bytes of it; empty = end of the stream. After
  // ProcessExited a writer that lives on is given 500 ms more. Cancelled when `cancel` is set.
  absl::StatusOr<std::string> Read(Source source, size_t limit, const Latch& cancel);

  // Writes all of `data`, waiting while the process does not read. FailedPrecondition once the process has
  // ended or closed its stdin, or after CloseStdin.
  absl::Status Write(std::string_view data, const Latch& cancel);

  // End of file for the process, behind all earlier writes. A terminal stays open: its end is typed.
  void CloseStdin();

  // FailedPrecondition for pipes.
  absl::Status Resize(uint32_t rows, uint32_t columns);

  void ProcessExited();

 private:
  Streams(bool terminal, std::shared_ptr<Latch> exited) : terminal_(terminal), exited_(std::move(exited)) {}
  std::chrono::milliseconds DrainTimeLeft();

  const bool terminal_;
  const std::shared_ptr<Latch> exited_;
  UniqueFd out_;  // or the terminal's master
  UniqueFd err_;
  std::mutex stdin_mutex_;  // held while writing: writes of one stream are ordered
  UniqueFd in_;
  std::mutex exit_mutex_;
  std::optional<std::chrono::steady_clock::time_point> drain_until_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_STREAMS_H_
