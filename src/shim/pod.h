// SPDX-License-Identifier: Apache-2.0
// The pod that one shim serves: its sandbox and its containers by id.
#ifndef CC_SHIM_POD_H_
#define CC_SHIM_POD_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "containerd/task.pb.h"
#include "shim/container.h"
#include "shim/events.h"
#include "shim/image_name.h"
#include "shim/sandbox.h"
#include "shim/start.h"
#include "ttrpc/server.h"
#include "vmm/registry.h"

namespace cc::shim {

struct PodOptions {
  DaemonOptions daemon;
  std::string config_environment;           // KATA_CC_CONFIG
  const vmm::Registry* backends = nullptr;  // outlives the pod
  std::shared_ptr<EventPublisher> events;
  std::chrono::steady_clock::time_point started;
  // Called when there is nothing left to serve and nobody who would say so.
  std::function<void()> on_abandoned;
};

// Owned by a shared_ptr. Thread-safe. The lock guards the two maps only; no container waits for another.
class Pod : public std::enable_shared_from_this<Pod> {
 public:
  explicit Pod(PodOptions options) : options_(std::move(options)) {}

  // Boots the sandbox if need be, has the image pulled and the container made. Ends early with Cancelled when
  // the caller goes, with Aborted when Kill or Delete of this container comes, with Unavailable when the VM
  // dies.
  absl::Status Create(const ttrpc::CallContext& call, const containerd::task::v2::CreateTaskRequest& request);

  // The Sandbox API's way: the sandbox has a life of its own, without a pause container, from PrepareSandbox
  // until Stop. AlreadyExists the second time. `sysctls` are given to the guest with each container.
  struct SandboxSettings {
    std::string bundle;
    std::string network_namespace;  // path; empty = a new one
    PodIdentity identity;
    Annotations annotations;
    std::map<std::string, std::string> sysctls;
  };
  absl::StatusOr<std::shared_ptr<Sandbox>> PrepareSandbox(SandboxSettings settings);
  // FailedPrecondition before PrepareSandbox.
  absl::Status BootSandbox();

  // A container whose creation has ended; NotFound, or FailedPrecondition while it is being created.
  absl::StatusOr<std::shared_ptr<Container>> Find(const std::string& id) const;
  bool creating(const std::string& id) const;
  // True when `id` was being created and now is not: its Create returns at once.
  bool AbortCreation(const std::string& id, const std::string& reason);

  // Forgets a container that has stopped. The sandbox ends with its last container.
  absl::StatusOr<ProcessExit> Delete(const std::string& id);

  // Nothing is left to serve.
  bool empty() const;
  const std::string& id() const { return options_.daemon.id; }
  pid_t vm_pid() const;
  // Ends the VM; what runs stops with status 137 and publishes that. Idempotent.
  void Stop();

 private:
  struct Creation;

  absl::StatusOr<std::shared_ptr<Sandbox>> MakeSandbox(const std::string& bundle,
                                                       const std::string& network_namespace,
                                                       const Annotations& annotations,
                                                       const std::optional<google::protobuf::Any>& options);
  absl::StatusOr<std::shared_ptr<Sandbox>> GetSandbox(const containerd::task::v2::CreateTaskRequest& request,
                                                      const Grouping& grouping,
                                                      const std::string& network_namespace,
                                                      const Annotations& annotations);
  static void GiveUp(std::shared_ptr<Container> container);
  void RunCreation(const std::shared_ptr<Creation>& creation);
  absl::Status DoCreate(Creation& creation);
  absl::Status WaitForCreation(const ttrpc::CallContext& call, const std::shared_ptr<Creation>& creation);
  absl::StatusOr<std::string> LookUpImage(const Creation& creation, const Annotations& annotations) const;
  // Null when something still needs the sandbox; else it is the caller's to stop.
  std::shared_ptr<Sandbox> TakeUnusedSandboxLocked();

  const PodOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<Sandbox> sandbox_;
  std::optional<SandboxSettings> settings_;  // set: the sandbox has a life of its own
  std::map<std::string, std::shared_ptr<Creation>> creations_;
  std::map<std::string, std::shared_ptr<Container>> containers_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_POD_H_
