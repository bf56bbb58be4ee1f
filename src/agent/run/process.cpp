// SPDX-License-Identifier: Apache-2.0
#include "agent/run/process.h"

#include <signal.h>

#include <cerrno>

#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {

absl::Status Process::Signal(int signal) {
  if (signal < 0 || signal > SIGRTMAX) return absl::InvalidArgumentError(StrCat("no such signal: ", signal));
  // Under the lock the process is not reaped, so the pid is still its own.
  std::lock_guard lock(state_->mutex);
  if (state_->status.has_value()) return absl::NotFoundError("the process has ended");
  if (::kill(pid_, signal) == 0) return absl::OkStatus();
  if (errno == ESRCH) return absl::NotFoundError("the process has ended");
  return ErrnoStatus(errno, StrCat("send signal ", signal));
}

absl::StatusOr<int> Process::Wait(const ttrpc::CallContext& call,
                                  std::optional<std::chrono::seconds> timeout) {
  call.OnCancel([state = state_] {
    std::lock_guard lock(state->mutex);
    state->changed.notify_all();
  });
  std::unique_lock lock(state_->mutex);
  const auto done = [&] { return state_->status.has_value() || call.cancelled(); };
  if (!timeout.has_value()) {
    state_->changed.wait(lock, done);
  } else if (!state_->changed.wait_for(lock, *timeout, done)) {
    return absl::DeadlineExceededError(StrCat("the process still runs after ", timeout->count(), " s"));
  }
  if (!state_->status.has_value()) return absl::CancelledError("the caller stopped waiting for the process");
  return *state_->status;
}

std::optional<int> Process::exit_status() const {
  std::lock_guard lock(state_->mutex);
  return state_->status;
}

void Process::MarkExited(int status) {
  {
    std::lock_guard lock(state_->mutex);
    state_->status = status;
    state_->changed.notify_all();
  }
  streams_->ProcessExited();
}

}  // namespace cc::agent
