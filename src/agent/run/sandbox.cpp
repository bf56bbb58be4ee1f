// SPDX-License-Identifier: Apache-2.0
#include "agent/run/sandbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Create(SandboxConfig config, Reaper* reaper) {
  std::error_code error;
  std::filesystem::create_directories(config.base, error);
  if (error) return ErrnoStatus(error.value(), StrCat("create ", config.base));
  // Mount points are compared with what the kernel lists, which knows no links.
  config.base = std::filesystem::canonical(config.base, error);
  if (error) return ErrnoStatus(error.value(), StrCat("resolve ", config.base));
  CC_ASSIGN_OR_RETURN(UniqueFd base_fd, OpenFile(config.base, O_PATH | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<Crun> crun, Crun::Create(config.crun, StrCat(config.base, "/.agent")));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<OomWatch> oom, OomWatch::Start());
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> stop, Latch::Create());
  return std::unique_ptr<Sandbox>(new Sandbox(std::move(config), reaper, std::move(base_fd), std::move(crun),
                                              std::move(oom), std::move(stop)));
}

Sandbox::Sandbox(SandboxConfig config, Reaper* reaper, UniqueFd base_fd, std::unique_ptr<Crun> crun,
                 std::unique_ptr<OomWatch> oom, std::shared_ptr<Latch> stop)
    : config_(std::move(config)),
      reaper_(reaper),
      base_fd_(std::move(base_fd)),
      crun_(std::move(crun)),
      oom_(std::move(oom)),
      stop_(std::move(stop)),
      volumes_(config_.base, base_fd_.get()),
      copies_(StrCat(config_.base, "/shared/containers")) {}

absl::StatusOr<std::shared_ptr<Container>> Sandbox::Reserve(const std::string& id) {
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> cancel, Latch::Create());
  auto container = std::make_shared<Container>(id, StrCat(config_.base, "/", id), std::move(cancel));
  std::lock_guard lock(mutex_);
  if (!containers_.emplace(id, container).second) {
    return absl::AlreadyExistsError(StrCat("container ", id, " already exists"));
  }
  return container;
}

absl::StatusOr<std::shared_ptr<Container>> Sandbox::Find(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = containers_.find(id);
  if (found == containers_.end()) return absl::NotFoundError(StrCat("no container ", id));
  return found->second;
}

absl::StatusOr<std::shared_ptr<Process>> Sandbox::FindProcess(const std::string& id,
                                                              const std::string& exec_id) const {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, Find(id));
  return container->FindProcess(exec_id);
}

void Sandbox::Erase(const std::string& id) {
  std::lock_guard lock(mutex_);
  containers_.erase(id);
  if (id == pidns_owner_) pidns_.reset();
}

std::vector<std::shared_ptr<Container>> Sandbox::Containers() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Container>> out;
  for (const auto& [id, container] : containers_) out.push_back(container);
  return out;
}

void Sandbox::OfferPidNamespace(const Container& container, pid_t pid) {
  UniqueFd fd(::open(StrCat("/proc/", pid, "/ns/pid").c_str(), O_RDONLY | O_CLOEXEC));
  std::lock_guard lock(mutex_);
  if (pidns_) return;
  pidns_ = std::move(fd);
  pidns_owner_ = container.id();
}

std::string Sandbox::SharedPidNamespace() const {
  std::lock_guard lock(mutex_);
  return pidns_ ? StrCat("/proc/", ::getpid(), "/fd/", pidns_.get()) : std::string();
}

absl::Status Sandbox::MarkCreated(bool share_pidns) {
  std::lock_guard lock(mutex_);
  if (created_) return absl::AlreadyExistsError("the sandbox exists already");
  created_ = true;
  shares_pidns_ = share_pidns;
  return absl::OkStatus();
}

bool Sandbox::shares_pidns() const {
  std::lock_guard lock(mutex_);
  return shares_pidns_;
}

}  // namespace cc::agent
