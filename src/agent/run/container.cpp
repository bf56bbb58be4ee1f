// SPDX-License-Identifier: Apache-2.0
#include "agent/run/container.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

// Processes started by exec whose end was told and that are still kept.
constexpr size_t kMaxRetired = 16;

}  // namespace

void Container::MarkReady(std::shared_ptr<Process> init) {
  std::lock_guard lock(mutex_);
  init_ = std::move(init);
  phase_ = Phase::kReady;
  created_.notify_all();
}

void Container::MarkFailed() {
  std::lock_guard lock(mutex_);
  phase_ = Phase::kFailed;
  created_.notify_all();
}

bool Container::creating() const {
  std::lock_guard lock(mutex_);
  return phase_ == Phase::kCreating;
}

void Container::AwaitCreation() {
  std::unique_lock lock(mutex_);
  created_.wait(lock, [&] { return phase_ != Phase::kCreating; });
}

absl::StatusOr<std::shared_ptr<Process>> Container::Init() const { return FindProcess(""); }

absl::StatusOr<std::shared_ptr<Process>> Container::FindProcess(const std::string& exec_id) const {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::kCreating) {
    return absl::FailedPreconditionError(StrCat("container ", id_, " is still being created"));
  }
  if (init_ == nullptr) return absl::NotFoundError(StrCat("container ", id_, " has no process"));
  if (exec_id.empty() || exec_id == id_) return init_;
  const auto exec = execs_.find(exec_id);
  if (exec == execs_.end() || exec->second == nullptr) {
    return absl::NotFoundError(StrCat("container ", id_, " has no process ", exec_id));
  }
  return exec->second;
}

absl::Status Container::ReserveExec(const std::string& exec_id) {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::kReady)
    return absl::FailedPreconditionError(StrCat("container ", id_, " is not running"));
  const auto exec = execs_.find(exec_id);
  const bool live =
      exec != execs_.end() && (exec->second == nullptr || !exec->second->exit_status().has_value());
  if (exec_id == id_ || live) {
    return absl::AlreadyExistsError(StrCat("container ", id_, " already has a process ", exec_id));
  }
  std::erase(retired_, exec_id);
  execs_[exec_id] = nullptr;
  return absl::OkStatus();
}

void Container::AddExec(const std::string& exec_id, std::shared_ptr<Process> process) {
  std::lock_guard lock(mutex_);
  execs_[exec_id] = std::move(process);
}

void Container::DropExec(const std::string& exec_id) {
  std::lock_guard lock(mutex_);
  execs_.erase(exec_id);
}

void Container::Retire(const std::string& exec_id) {
  std::lock_guard lock(mutex_);
  if (!execs_.contains(exec_id) || std::find(retired_.begin(), retired_.end(), exec_id) != retired_.end())
    return;
  retired_.push_back(exec_id);
  if (retired_.size() <= kMaxRetired) return;
  execs_.erase(retired_.front());
  retired_.pop_front();
}

absl::Status Container::BeginRemoval() {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::kFailed) return absl::NotFoundError(StrCat("container ", id_, " was not created"));
  if (phase_ != Phase::kReady) {
    return absl::FailedPreconditionError(StrCat("container ", id_, " is already being removed"));
  }
  phase_ = Phase::kRemoving;
  return absl::OkStatus();
}

void Container::AbandonRemoval() {
  std::lock_guard lock(mutex_);
  phase_ = Phase::kReady;
}

}  // namespace cc::agent
