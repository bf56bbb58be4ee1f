// SPDX-License-Identifier: Apache-2.0
#include "shim/sandbox.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {

Sandbox::Sandbox(SandboxOptions options)
    : options_(std::move(options)),
      dir_(StrCat(options_.config.state_dir, "/", SandboxDirName(options_.namespace_name, options_.id))),
      egress_rules_(std::make_shared<EgressRules>()) {}

Sandbox::~Sandbox() { Stop(); }

absl::Status Sandbox::Boot(const PodIdentity& identity) {
  {
    std::unique_lock lock(mutex_);
    if (phase_ != Phase::kNew) {
      changed_.wait(lock, [this] { return phase_ != Phase::kBooting; });
      if (phase_ == Phase::kReady) return absl::OkStatus();
      return boot_status_.ok() ? EndStatusLocked() : boot_status_;
    }
    phase_ = Phase::kBooting;
  }
  absl::Status status = DoBoot(identity);
  if (!status.ok()) {
    status = Explain(status);
    Abandon();
  }
  const std::lock_guard lock(mutex_);
  if (status.ok() && phase_ == Phase::kEnded) status = EndStatusLocked();
  boot_status_ = status;
  if (status.ok()) phase_ = Phase::kReady;
  changed_.notify_all();
  return status;
}

// A VM that ended by itself explains a failure better than the call that noticed it.
absl::Status Sandbox::Explain(const absl::Status& status) {
  bool started = false;
  bool stopped = false;
  {
    const std::lock_guard lock(mutex_);
    started = monitor_started_;
    stopped = stop_requested_;
  }
  if (!started || stopped) return status;
  std::string message(MessageOf(status));
  if (const absl::Status end = EndStatus(); !end.ok()) StrAppend(&message, " (", MessageOf(end), ")");
  if (const std::string tail = console_.Tail(); !tail.empty()) {
    StrAppend(&message, "; the guest's console ends with:\n", tail);
  }
  return absl::Status(status.code(), message);
}

// The booting thread gives up.
void Sandbox::Abandon() {
  console_writer_.reset();
  namespace_.reset();
  std::unique_lock lock(mutex_);
  stop_requested_ = true;
  if (monitor_started_) {
    lock.unlock();
    vm_->Stop();
    lock.lock();
    changed_.wait(lock, [this] { return end_done_; });
    return;
  }
  phase_ = Phase::kEnded;
  if (network_ != nullptr) network_->Detach();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
  end_done_ = true;
  changed_.notify_all();
  const std::vector<std::function<void()>> callbacks = std::exchange(on_end_, {});
  lock.unlock();
  for (const auto& callback : callbacks) callback();
}

void Sandbox::EndVm(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (end_reason_.empty()) end_reason_ = reason;
  }
  vm_->Stop();
}

void Sandbox::Fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (end_reason_.empty()) end_reason_ = reason;
  }
  Stop();
}

void Sandbox::End(const std::string& reason) {
  std::vector<std::function<void()>> callbacks;
  std::shared_ptr<agent_proto::AgentClient> agent;
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::kEnded;
    if (end_reason_.empty()) end_reason_ = stop_requested_ ? "it was stopped" : reason;
    callbacks.swap(on_end_);
    agent = agent_;
    if (search_ != nullptr) search_->Cancel();
    if (watch_ != nullptr) watch_->VmEnded();
    changed_.notify_all();
  }
  log::Info("vm ended", {{"reason", reason}, {"ms", Milliseconds()}});
  if (agent != nullptr) agent->Close();
  volume_watch_.Stop();
  if (egress_ != nullptr) egress_->Stop();
  if (network_ != nullptr) network_->Detach();
  std::error_code error;
  std::filesystem::remove_all(dir_, error);
  if (error) log::Error("state directory not removed", {{"path", dir_}, {"error", error.message()}});
  {
    const std::lock_guard lock(mutex_);
    end_done_ = true;
    changed_.notify_all();
  }
  for (const auto& callback : callbacks) callback();
}

void Sandbox::Stop() {
  vmm::Vm* vm = nullptr;
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    stop_requested_ = true;
    if (phase_ == Phase::kNew) {
      phase_ = Phase::kEnded;
      end_done_ = true;
      callbacks.swap(on_end_);
    }
    if (monitor_started_) vm = vm_.get();
    if (search_ != nullptr) search_->Cancel();
    changed_.notify_all();
  }
  for (const auto& callback : callbacks) callback();
  if (vm != nullptr) vm->Stop();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return end_done_; });
}

bool Sandbox::ended() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kEnded;
}

absl::Status Sandbox::EndStatus() const {
  const std::lock_guard lock(mutex_);
  return EndStatusLocked();
}

absl::Status Sandbox::EndStatusLocked() const {
  if (phase_ != Phase::kEnded) return absl::OkStatus();
  return absl::UnavailableError(
      StrCat("the VM has ended: ", end_reason_.empty() ? "it never ran" : end_reason_));
}

absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> Sandbox::Agent() const {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnded) return EndStatusLocked();
  if (agent_ == nullptr) return absl::UnavailableError("the VM has not booted yet");
  return agent_;
}

absl::Status Sandbox::Responsive() const {
  const std::lock_guard lock(mutex_);
  return watch_ == nullptr ? absl::OkStatus() : watch_->Responsive();
}

pid_t Sandbox::vm_pid() const {
  const std::lock_guard lock(mutex_);
  return vm_ == nullptr ? -1 : vm_->pid();
}

absl::StatusOr<vmm::VmStats> Sandbox::Stats() const {
  vmm::Vm* vm = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kEnded) return EndStatusLocked();
    vm = vm_.get();
  }
  if (vm == nullptr) return absl::FailedPreconditionError("the VM has not been started");
  return vm->Stats();
}

void Sandbox::OnEnd(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kEnded) {
      on_end_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Sandbox::OnOom(std::function<void(const std::string&)> callback) {
  const std::lock_guard lock(mutex_);
  on_oom_ = std::move(callback);
}

int64_t Sandbox::Milliseconds() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               options_.shim_started)
      .count();
}

}  // namespace cc::shim
