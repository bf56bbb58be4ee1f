// SPDX-License-Identifier: Apache-2.0
// One virtual machine and the connection to its agent, from boot to end.
//
// The end comes once, whatever caused it (Stop, a crash of the VMM, a lost agent): the agent's calls fail,
// the private directory is removed, the OnEnd callbacks run.
#ifndef CC_SHIM_SANDBOX_H_
#define CC_SHIM_SANDBOX_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent_proto/agent_client.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "pod_net/net_namespace.h"
#include "pod_net/pod_network.h"
#include "shim/agent_search.h"
#include "shim/agent_watch.h"
#include "shim/bundle.h"
#include "shim/config.h"
#include "shim/console.h"
#include "shim/egress.h"
#include "shim/egress_rules.h"
#include "shim/guest_setup.h"
#include "shim/init_data.h"
#include "shim/volume_watch.h"
#include "vmm/registry.h"
#include "vmm/vmm.h"

namespace cc::shim {

struct SandboxOptions {
  std::string id;
  std::string namespace_name;
  std::string bundle;             // where the record for `delete` goes
  std::string network_namespace;  // path of the pod's; empty = a new one, which goes with the VM
  Config config;
  std::optional<PodInitData> init_data;                // of the pod's owner, for the guest
  const vmm::Registry* backends = nullptr;             // outlives the sandbox
  std::chrono::steady_clock::time_point shim_started;  // for the time line in the log
};

// Thread-safe.
class Sandbox {
 public:
  explicit Sandbox(SandboxOptions options);
  ~Sandbox();  // Stop

  // Starts the VM and returns when its agent has taken CreateSandbox. The first caller does it, others wait
  // for the outcome. The error of a VM that ends early carries the end of its console.
  absl::Status Boot(const PodIdentity& identity);

  // The connected agent; Unavailable, with the reason, before Boot and after the end.
  absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> Agent() const;
  // Unavailable when the agent has owed the answer to a health check for longer than a guest that lives
  // needs. Nothing is asked: callers that hold up others use it instead of waiting for such a guest.
  absl::Status Responsive() const;
  // Tells the guest what changed in the pod's network since it was told the last time.
  absl::Status SyncNetwork();
  pid_t vm_pid() const;
  // What the VM costs the host; Unavailable or FailedPrecondition when it does not run.
  absl::StatusOr<vmm::VmStats> Stats() const;
  const Config& config() const { return options_.config; }
  EgressRules& egress_rules() { return *egress_rules_; }
  VolumeWatch& volume_watch() { return volume_watch_; }

  // Ends the VM without asking the guest; returns when it is gone and everything is removed.
  void Stop();
  // The same, because something is wrong; `reason` is what EndStatus tells unless it has ended already.
  void Fail(const std::string& reason);
  bool ended() const;
  // OK while it lives; else Unavailable with the reason.
  absl::Status EndStatus() const;

  // `callback` runs once, after the end; at once when that is past.
  void OnEnd(std::function<void()> callback);
  // Called with the id of each container that the guest's kernel killed for memory.
  void OnOom(std::function<void(const std::string& container_id)> callback);

 private:
  enum class Phase { kNew, kBooting, kReady, kEnded };

  absl::Status DoBoot(const PodIdentity& identity);
  absl::Status Explain(const absl::Status& status);
  void Abandon();
  absl::Status MakeStateDir();
  absl::StatusOr<SandboxRecord> MakeRecord() const;
  absl::StatusOr<pod_net::NetNamespace> GetNamespace() const;
  absl::Status AttachNetwork();
  absl::Status CreateVm(vmm::Vmm& backend);
  absl::Status StartVm();
  absl::StatusOr<UniqueFd> FindAgent(UniqueFd ready_listener);
  absl::Status WatchAgent(const std::shared_ptr<agent_proto::AgentClient>& agent);
  absl::Status ConfigureNetwork(const std::shared_ptr<agent_proto::AgentClient>& agent);
  void EndVm(const std::string& reason);
  void End(const std::string& reason);
  absl::Status EndStatusLocked() const;
  int64_t Milliseconds() const;

  const SandboxOptions options_;
  const std::string dir_;
  const std::shared_ptr<EgressRules> egress_rules_;
  Console console_;
  // The pod's, which the VMM runs in. Ours until the VM runs, whose process then keeps a new one alive; the
  // booting thread only.
  std::optional<pod_net::NetNamespace> namespace_;
  std::unique_ptr<pod_net::PodNetwork> network_;  // set by the booting thread before the VM starts
  UniqueFd console_writer_;                       // ours until the VM has its copy; the booting thread only

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Phase phase_ = Phase::kNew;
  absl::Status boot_status_;
  bool stop_requested_ = false;
  bool monitor_started_ = false;
  bool end_done_ = false;  // phase is kEnded and all is removed
  std::string end_reason_;
  std::unique_ptr<vmm::Vm> vm_;  // set once; the VM itself is thread-safe
  std::unique_ptr<Egress> egress_;
  std::shared_ptr<AgentSearch> search_;
  std::shared_ptr<agent_proto::AgentClient> agent_;
  std::vector<std::function<void()>> on_end_;
  std::function<void(const std::string&)> on_oom_;

  VolumeWatch volume_watch_;  // stopped when the agent is gone

  // Destroyed first, so that their bodies find the rest alive.
  Thread monitor_;  // starts the VM and waits for its end: PDEATHSIG is bound to the starting thread
  std::unique_ptr<AgentWatch> watch_;  // under mutex_
};

}  // namespace cc::shim

#endif  // CC_SHIM_SANDBOX_H_
