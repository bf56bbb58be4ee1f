// SPDX-License-Identifier: Apache-2.0
// All that the agent keeps for the one pod of this guest. Thread-safe.
#ifndef CC_AGENT_RUN_SANDBOX_H_
#define CC_AGENT_RUN_SANDBOX_H_

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/cgroup/cgroup.h"
#include "agent/cgroup/oom_watch.h"
#include "agent/run/container.h"
#include "agent/run/crun.h"
#include "agent/run/reaper.h"
#include "agent/storage/copy_file.h"
#include "agent/storage/volumes.h"
#include "base/unique_fd.h"

namespace cc::agent {

struct SandboxConfig {
  std::string base;         // bundles and volumes; host paths begin with it
  std::string crun;         // program
  std::string pause;        // static program for the pod's pause container
  std::string data_hub;     // socket
  std::string cgroup_root;  // mount point of cgroup v2
  std::chrono::seconds image_pull_timeout{1200};
  bool init = false;  // this process is the guest's PID 1
};

class Sandbox {
 public:
  // `reaper` is not owned and outlives the sandbox.
  static absl::StatusOr<std::unique_ptr<Sandbox>> Create(SandboxConfig config, Reaper* reaper);

  const SandboxConfig& config() const { return config_; }
  int base_fd() const { return base_fd_.get(); }
  Reaper& reaper() { return *reaper_; }
  Crun& crun() { return *crun_; }
  Volumes& volumes() { return volumes_; }
  CopiedFiles& copies() { return copies_; }
  OomWatch& oom() { return *oom_; }
  // Set when the sandbox is to end and with it the agent.
  Latch& stop() { return *stop_; }
  Cgroup CgroupOf(const Container& container) const {
    return Cgroup::OfContainer(config_.cgroup_root, container.id());
  }

  // A container in creation; AlreadyExists when the id is taken.
  absl::StatusOr<std::shared_ptr<Container>> Reserve(const std::string& id);
  absl::StatusOr<std::shared_ptr<Container>> Find(const std::string& id) const;
  absl::StatusOr<std::shared_ptr<Process>> FindProcess(const std::string& id,
                                                       const std::string& exec_id) const;
  void Erase(const std::string& id);
  std::vector<std::shared_ptr<Container>> Containers() const;

  // The PID namespace of the pod is that of its first container, as long as that exists.
  void OfferPidNamespace(const Container& container, pid_t pid);
  // Path by which it is joined; empty when there is none yet.
  std::string SharedPidNamespace() const;

  // CreateSandbox was called; AlreadyExists the second time.
  absl::Status MarkCreated(bool share_pidns);
  bool shares_pidns() const;

 private:
  Sandbox(SandboxConfig config, Reaper* reaper, UniqueFd base_fd, std::unique_ptr<Crun> crun,
          std::unique_ptr<OomWatch> oom, std::shared_ptr<Latch> stop);

  const SandboxConfig config_;
  Reaper* const reaper_;
  const UniqueFd base_fd_;
  const std::unique_ptr<Crun> crun_;
  const std::unique_ptr<OomWatch> oom_;
  const std::shared_ptr<Latch> stop_;
  Volumes volumes_;
  CopiedFiles copies_;

  mutable std::mutex mutex_;
  bool created_ = false;
  bool shares_pidns_ = false;
  UniqueFd pidns_;
  std::string pidns_owner_;  // container id
  std::map<std::string, std::shared_ptr<Container>> containers_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_SANDBOX_H_
