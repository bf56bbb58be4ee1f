// SPDX-License-Identifier: Apache-2.0
// One container of the pod: its init process, its execs, and what the guest is asked for them.
#ifndef CC_SHIM_CONTAINER_H_
#define CC_SHIM_CONTAINER_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "containerd/task.pb.h"
#include "shim/bundle.h"
#include "shim/events.h"
#include "shim/guest_spec.h"
#include "shim/process.h"
#include "shim/sandbox.h"

namespace cc::shim {

struct ContainerContext {
  std::shared_ptr<Sandbox> sandbox;
  std::shared_ptr<EventPublisher> events;
  std::string namespace_name;
};

// Owned by a shared_ptr. Thread-safe; the lock is a leaf and never held across a call to the guest.
class Container : public std::enable_shared_from_this<Container> {
 public:
  // Opens the streams of the init process.
  static absl::StatusOr<std::shared_ptr<Container>> Make(
      ContainerContext context, const containerd::task::v2::CreateTaskRequest& request, Grouping grouping);

  const std::string& id() const { return request_.id(); }
  const std::string& bundle() const { return request_.bundle(); }
  const containerd::task::v2::CreateTaskRequest& request() const { return request_; }
  const Grouping& grouping() const { return grouping_; }

  // Copies files and creates the container in the guest; blocks while the guest pulls the image.
  absl::Status CreateInGuest(const GuestContainer& guest);
  // Makes the guest forget it, with what was copied for it. Bounded; used when nobody is interested any more.
  void RemoveFromGuest();
  // After a successful creation: publishes it, and watches for the end of the init process.
  void FinishCreation();

  // "" is the init process. NotFound names the exec.
  absl::StatusOr<std::shared_ptr<Process>> FindProcess(const std::string& exec_id) const;
  bool created() const;
  bool sandbox_ended() const { return context_.sandbox->ended(); }
  bool paused() const;

  absl::Status Start(const std::string& exec_id);
  absl::Status AddExec(const containerd::task::v2::ExecProcessRequest& request);
  absl::Status Kill(const std::string& exec_id, uint32_t signal, bool all);
  absl::Status Pause();
  absl::Status Resume();
  absl::Status Resize(const std::string& exec_id, uint32_t width, uint32_t height);
  absl::Status CloseInput(const std::string& exec_id);
  absl::Status Update(const google::protobuf::Any& resources);
  absl::StatusOr<google::protobuf::Any> Stats();
  // Only a process that does not run can be deleted. Its streams are closed when this returns.
  absl::Status DeleteExec(const std::string& exec_id);
  // The same for the init process, before the container is forgotten.
  absl::Status PrepareDelete();
  // Its guest is gone: ends the streams of all processes, and init, which was killed unless it had stopped.
  ProcessExit Forget();

  // The VM is gone: everything that has not stopped stops with status 137.
  void OnSandboxEnd();

 private:
  Container(ContainerContext context, containerd::task::v2::CreateTaskRequest request, Grouping grouping)
      : context_(std::move(context)), request_(std::move(request)), grouping_(std::move(grouping)) {}

  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> Agent() const {
    return context_.sandbox->Agent();
  }
  // The same, unless the guest is known to answer nothing.
  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> ResponsiveAgent() const;
  // Ends the VM, without waiting for it: the end of the pod makes containerd shut this shim down, and the
  // call that asked for it must have been answered by then.
  void EndSandbox(const std::string& reason);
  // Returns with the signal taken or the VM on its way out.
  absl::Status ForceKill(agent_proto::AgentClient& agent, const grpc::SignalProcessRequest& request);
  // The guest's name of a process.
  std::string GuestExecId(const Process& process) const {
    return process.is_init() ? id() : process.exec_id();
  }
  // FailedPrecondition when nothing can be executed in it, now or ever.
  absl::Status CheckExec() const;
  absl::Status CopyVolumes(const std::vector<HostCopy>& copies,
                           const std::shared_ptr<agent_proto::AgentClient>& agent);
  // After the end of init: what it wrote for kubelet to read.
  void CollectTerminationMessage() const;
  absl::Status StartInGuest(const Process& process);
  absl::Status StartStreams(Process& process);
  GuestStreams StreamsOf(const Process& process,
                         const std::shared_ptr<agent_proto::AgentClient>& agent) const;
  void Watch(const std::shared_ptr<Process>& process);
  void WatchUntilExit(const std::shared_ptr<Process>& process);
  uint32_t ExitStatus(const Process& process) const;
  // Stopped, and the exit published.
  void End(Process& process, uint32_t status);
  void WaitForExecs();
  std::vector<std::shared_ptr<Process>> Processes() const;
  uint32_t Pid() const;

  const ContainerContext context_;
  const containerd::task::v2::CreateTaskRequest request_;
  const Grouping grouping_;
  std::shared_ptr<Process> init_;
  std::optional<TerminationLog> termination_log_;  // set before creation ends

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool created_ = false;
  bool paused_ = false;
  int watched_execs_ = 0;
  std::map<std::string, std::shared_ptr<Process>> execs_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_CONTAINER_H_
