// SPDX-License-Identifier: Apache-2.0
#include "shim/process.h"

#include "base/strings.h"
#include "shim/timestamp.h"

namespace cc::shim {
namespace {

const char* Name(ProcessState state) {
  switch (state) {
    case ProcessState::kCreated:
      return "created";
    case ProcessState::kStarting:
      return "being started";
    case ProcessState::kRunning:
      return "running";
    case ProcessState::kStopped:
      return "stopped";
  }
  return "";
}

}  // namespace

ProcessStatus Process::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

absl::Status Process::BeginStart() {
  const std::lock_guard lock(mutex_);
  if (status_.state != ProcessState::kCreated) {
    return absl::FailedPreconditionError(StrCat("the process is already ", Name(status_.state)));
  }
  if (abandoned_) return absl::FailedPreconditionError("the process was killed before it was started");
  status_.state = ProcessState::kStarting;
  return absl::OkStatus();
}

void Process::EndStart() {
  const std::lock_guard lock(mutex_);
  if (status_.state != ProcessState::kStarting) return;
  status_.state = ProcessState::kRunning;
  changed_.notify_all();
}

bool Process::SetExited(uint32_t status, const std::function<void(const ProcessExit&)>& announce) {
  const std::lock_guard lock(mutex_);
  if (status_.state == ProcessState::kStopped) return false;
  status_ = {.state = ProcessState::kStopped, .exit = {.status = status, .at = Now()}};
  if (announce) announce(status_.exit);
  changed_.notify_all();
  return true;
}

void Process::Abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

void Process::AwaitStart(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return status_.state != ProcessState::kStarting; });
}

bool Process::WaitStartedOrAbandoned() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return status_.state == ProcessState::kRunning || status_.state == ProcessState::kStopped ||
           (abandoned_ && status_.state == ProcessState::kCreated);
  });
  return status_.state != ProcessState::kCreated;
}

void Process::WaitStopped() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return status_.state == ProcessState::kStopped; });
}

absl::StatusOr<ProcessExit> Process::WaitExit(const ttrpc::CallContext& call) {
  // The callback may still run after this function has returned, so it owns what it touches.
  const auto cancelled = std::make_shared<bool>(false);  // under mutex_
  call.OnCancel([self = shared_from_this(), cancelled] {
    const std::lock_guard lock(self->mutex_);
    *cancelled = true;
    self->changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return status_.state == ProcessState::kStopped || *cancelled; });
  if (status_.state != ProcessState::kStopped) return absl::CancelledError("the caller stopped waiting");
  return status_.exit;
}

}  // namespace cc::shim
