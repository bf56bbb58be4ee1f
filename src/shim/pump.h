// SPDX-License-Identifier: Apache-2.0
// Moves the standard streams of one process between its guest and the host's ends, at most 64 KiB at a time,
// so that a slow reader slows the process down instead of filling memory.
#ifndef CC_SHIM_PUMP_H_
#define CC_SHIM_PUMP_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "shim/stdio.h"

namespace cc::shim {

// The guest's side. Each may block; an error ends the stream.
struct GuestStreams {
  std::function<absl::StatusOr<std::string>()> read_stdout;  // empty = end of stream
  std::function<absl::StatusOr<std::string>()> read_stderr;  // unset with a terminal
  std::function<absl::Status(std::string data)> write_stdin;
  std::function<absl::Status()> close_stdin;
};

inline constexpr size_t kStreamChunk = 64 << 10;

// Thread-safe.
class StreamPump {
 public:
  explicit StreamPump(std::unique_ptr<Stdio> stdio,
                      std::chrono::milliseconds stall = std::chrono::seconds(10));
  ~StreamPump();  // Cancel

  absl::Status Start(GuestStreams guest);

  // Returns when all output has reached its end, or when one of the readers has taken nothing for `stall`:
  // the process's exit must be learnt even if nobody reads its output. True in the first case.
  bool WaitDrained();
  // All output has ended, or `limit` has passed, or never started.
  void WaitFinished(std::chrono::milliseconds limit);

  // No more input will come (CloseIO); what clients have written still arrives.
  void CloseInput();
  // Stops all streams and closes the host's ends. Returns when the threads have ended; a thread blocked in
  // the guest returns once its call does, so close the connection or the process first.
  void Cancel();
  // The same without waiting for the threads.
  void RequestCancel();

 private:
  void PumpOutput(const std::function<absl::StatusOr<std::string>()>& read, OutputEnd& end);
  void PumpInput(const GuestStreams& guest);
  // False when the reader is gone or cancelled; the output is then only drained.
  bool WriteOut(const OutputEnd& end, std::string_view data);
  void OutputEnded();

  std::unique_ptr<Stdio> stdio_;
  const std::chrono::milliseconds stall_;
  UniqueFd cancel_;  // eventfd, readable once cancelled
  std::mutex mutex_;
  std::condition_variable changed_;
  int outputs_running_ = 0;
  int outputs_stalled_ = 0;
  Thread out_thread_;
  Thread err_thread_;
  Thread in_thread_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_PUMP_H_
