// SPDX-License-Identifier: Apache-2.0
// QEMU's control protocol (QMP) over an inherited socket: a few commands, and the event that says why the
// guest ended. QEMU's lines are parsed with a size limit; a line that is no QMP is dropped.
#ifndef CC_VMM_QEMU_QMP_H_
#define CC_VMM_QEMU_QMP_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace cc::vmm::qemu {

class Qmp {
 public:
  static constexpr size_t kMaxLine = 64 << 10;

  // Reads on `loop`, which must outlive this; destroy on the loop's thread or when it no longer runs.
  static absl::StatusOr<std::unique_ptr<Qmp>> Create(EventLoop* loop, UniqueFd socket);
  ~Qmp();

  // Runs a command without arguments and waits for its answer. Any thread but the loop's. Unavailable when
  // QEMU is gone, DeadlineExceeded when it does not answer, FailedPrecondition with QEMU's words when it
  // refuses.
  absl::Status Execute(std::string_view command, std::chrono::milliseconds timeout);

  // Reads what is there without waiting; on the loop's thread.
  void Drain();

  // The reason of the SHUTDOWN event, e.g. "guest-shutdown"; nullopt before it.
  std::optional<std::string> shutdown_reason() const;

 private:
  Qmp(EventLoop* loop, UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {}
  absl::Status Send(std::string_view command, uint64_t id);
  void HandleLine(std::string_view line);
  void Close();

  EventLoop* const loop_;
  UniqueFd socket_;
  std::string input_;  // loop thread only

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  bool closed_ = false;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::optional<absl::Status>> pending_;  // commands without an answer yet hold nullopt
  std::optional<std::string> shutdown_reason_;
};

}  // namespace cc::vmm::qemu

#endif  // CC_VMM_QEMU_QMP_H_
