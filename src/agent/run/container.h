// SPDX-License-Identifier: Apache-2.0
// One container: its processes and what was set up for it. Thread-safe; the lock is never held while crun, a
// pull or a mount runs. Life: creating -> ready -> removing; who creates or removes it owns `resources`.
#ifndef CC_AGENT_RUN_CONTAINER_H_
#define CC_AGENT_RUN_CONTAINER_H_

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/run/latch.h"
#include "agent/run/process.h"
#include "agent/storage/bind_sources.h"
#include "kata/oci.pb.h"

namespace cc::agent {

class Container {
 public:
  Container(std::string id, std::string bundle, std::shared_ptr<Latch> cancel)
      : id_(std::move(id)), bundle_(std::move(bundle)), cancel_(std::move(cancel)) {}

  const std::string& id() const { return id_; }
  const std::string& bundle() const { return bundle_; }
  // Set when its creation is to be given up.
  const std::shared_ptr<Latch>& cancel() const { return cancel_; }

  // Undone when the container goes.
  struct Resources {
    bool known_to_crun = false;
    std::unique_ptr<BindSources> binds;
    std::vector<std::string> volumes;  // mount points held in Volumes
  };
  Resources& resources() { return resources_; }

  // What is fixed by the end of creation.
  struct Facts {
    grpc::Process process;        // of init, with what the image adds
    std::string termination_log;  // guest path of the Kubernetes termination message; empty = none
  };
  Facts& facts() { return facts_; }

  // End of creation, one way or the other.
  void MarkReady(std::shared_ptr<Process> init);
  void MarkFailed();
  bool creating() const;
  void AwaitCreation();

  // FailedPrecondition while it is being created or removed.
  absl::StatusOr<std::shared_ptr<Process>> Init() const;
  // `exec_id` empty or the container's id means init. NotFound when there is no such process.
  absl::StatusOr<std::shared_ptr<Process>> FindProcess(const std::string& exec_id) const;

  // Takes the name for a process about to start; AlreadyExists when a live one has it.
  absl::Status ReserveExec(const std::string& exec_id);
  void AddExec(const std::string& exec_id, std::shared_ptr<Process> process);
  void DropExec(const std::string& exec_id);
  // Its end was told: it is kept for late readers of its output, but only among the last few.
  void Retire(const std::string& exec_id);

  // The one who gets OK removes it; FailedPrecondition when somebody else already does.
  absl::Status BeginRemoval();
  void AbandonRemoval();

 private:
  enum class Phase { kCreating, kReady, kFailed, kRemoving };

  const std::string id_;
  const std::string bundle_;
  const std::shared_ptr<Latch> cancel_;
  Resources resources_;
  Facts facts_;

  mutable std::mutex mutex_;
  std::condition_variable created_;
  Phase phase_ = Phase::kCreating;
  std::shared_ptr<Process> init_;
  std::map<std::string, std::shared_ptr<Process>> execs_;  // null = starting
  std::deque<std::string> retired_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_CONTAINER_H_
