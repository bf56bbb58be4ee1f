// SPDX-License-Identifier: Apache-2.0
#include "shim/pod.h"

#include <algorithm>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "containerd/events.pb.h"
#include "shim/pod_files.h"

namespace cc::shim {

absl::StatusOr<std::shared_ptr<Container>> Pod::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = containers_.find(id);
  if (it != containers_.end()) return it->second;
  if (creations_.contains(id)) {
    return absl::FailedPreconditionError(StrCat("container ", id, " is still being created"));
  }
  return absl::NotFoundError(StrCat("container ", id, ": not found"));
}

bool Pod::creating(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return creations_.contains(id);
}

absl::StatusOr<ProcessExit> Pod::Delete(const std::string& id) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, Find(id));
  const auto pid = static_cast<uint32_t>(std::max<pid_t>(vm_pid(), 0));
  CC_RETURN_IF_ERROR(container->PrepareDelete());
  std::shared_ptr<Sandbox> ended;
  {
    const std::lock_guard lock(mutex_);
    if (containers_.erase(id) == 0) return absl::NotFoundError(StrCat("container ", id, ": not found"));
    ended = TakeUnusedSandboxLocked();
  }
  // The last container takes the VM with it: nothing in the guest needs to be asked for that.
  if (ended != nullptr) {
    ended->Stop();
  } else {
    container->RemoveFromGuest();
    // containerd may call `delete` for this container next: after its own restart it forgets a dead pod's
    // sandbox before it asks what became of the other containers. Then this shim has to live on.
    if (container->sandbox_ended()) SandboxRecord::Remove(container->bundle());
  }
  const ProcessExit exit = container->Forget();
  containerd::events::TaskDelete event;
  event.set_container_id(id);
  event.set_pid(pid);
  event.set_exit_status(exit.status);
  *event.mutable_exited_at() = exit.at;
  options_.events->Publish("/tasks/delete", "TaskDelete", event);
  return exit;
}

bool Pod::empty() const {
  const std::lock_guard lock(mutex_);
  const bool sandbox_lives = settings_.has_value() && sandbox_ != nullptr && !sandbox_->ended();
  return containers_.empty() && creations_.empty() && !sandbox_lives;
}

pid_t Pod::vm_pid() const {
  std::shared_ptr<Sandbox> sandbox;
  {
    const std::lock_guard lock(mutex_);
    sandbox = sandbox_;
  }
  return sandbox == nullptr ? -1 : sandbox->vm_pid();
}

std::shared_ptr<Sandbox> Pod::TakeUnusedSandboxLocked() {
  if (settings_.has_value() || !containers_.empty() || !creations_.empty()) return nullptr;
  return std::exchange(sandbox_, nullptr);
}

absl::StatusOr<std::shared_ptr<Sandbox>> Pod::PrepareSandbox(SandboxSettings settings) {
  const absl::Status taken =
      absl::AlreadyExistsError(StrCat("sandbox ", options_.daemon.id, ": already exists"));
  {
    const std::lock_guard lock(mutex_);
    if (sandbox_ != nullptr) return taken;
  }
  CC_RETURN_IF_ERROR(WritePodFiles(settings.bundle, settings.identity));
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Sandbox> sandbox,
                      MakeSandbox(settings.bundle, settings.network_namespace, settings.annotations,
                                  options_.daemon.options));
  const std::lock_guard lock(mutex_);
  if (sandbox_ != nullptr) return taken;
  sandbox_ = std::move(sandbox);
  settings_ = std::move(settings);
  return sandbox_;
}

absl::Status Pod::BootSandbox() {
  std::shared_ptr<Sandbox> sandbox;
  PodIdentity identity;
  {
    const std::lock_guard lock(mutex_);
    if (!settings_.has_value()) {
      return absl::FailedPreconditionError(StrCat("sandbox ", options_.daemon.id, " has not been created"));
    }
    sandbox = sandbox_;
    identity = settings_->identity;
  }
  return sandbox->Boot(identity);
}

void Pod::Stop() {
  std::shared_ptr<Sandbox> sandbox;
  std::map<std::string, std::shared_ptr<Container>> containers;
  {
    const std::lock_guard lock(mutex_);
    sandbox = sandbox_;
    containers = containers_;
  }
  if (sandbox != nullptr) sandbox->Stop();
  for (const auto& [id, container] : containers) {
    absl::StatusOr<std::shared_ptr<Process>> init = container->FindProcess("");
    if (init.ok()) (*init)->WaitStopped();
  }
}

}  // namespace cc::shim
