// SPDX-License-Identifier: Apache-2.0
// For tests: a virtual machine that is a socket pair, and an agent behind it whose processes do as they are
// told.
#ifndef CC_SHIM_FAKE_GUEST_H_
#define CC_SHIM_FAKE_GUEST_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/thread.h"
#include "kata/agent.pb.h"
#include "ttrpc/server.h"
#include "vmm/registry.h"
#include "vmm/vmm.h"

namespace cc::shim {

// What a test sets and looks at; owned by the test and by each VM. Thread-safe.
class FakeGuest : public std::enable_shared_from_this<FakeGuest> {
 public:
  // Before use.
  absl::Status vm_error;      // Create of the back end fails with this
  bool answers = true;        // false: the agent never comes up
  absl::Status clock_error;   // SetGuestDateTime fails with this
  absl::Status create_error;  // CreateContainer fails with this
  absl::Status start_error;   // StartContainer and ExecProcess fail with this

  // From now on CreateContainer of `id` blocks, as a pull does, until FinishPull, RemoveContainer or the end
  // of the VM. ExecProcess of such an exec id, too.
  void HoldPull(const std::string& id);
  void FinishPull(const std::string& id);
  void AwaitPull(const std::string& id);

  void Print(const std::string& exec_id, const std::string& text);
  void Exit(const std::string& exec_id, int status);
  void KillVm(const std::string& reason);
  void ReportOom(const std::string& container_id);
  // From now on the agent answers neither health checks nor signals.
  void Hang();
  // The agent is busy: the next signal gets no answer, all else does.
  void IgnoreNextSignal();

  // What init of a container "wrote" to its termination log.
  void SetTerminationLog(const std::string& container_id, const std::string& message);
  // Content of what was copied to a path that ends so (target of a link); waits until it is `content`.
  void AwaitFile(const std::string& path_end, const std::string& content);

  // Names of the calls that the agent got, such as "SignalProcess c1 15".
  std::vector<std::string> calls();
  void AwaitCall(const std::string& call);
  bool vm_running();
  // Inode of the one that the last VM was to run in; 0 = none was given.
  ino_t network_namespace();
  size_t nics();  // of the last VM, as the next two
  uint32_t vcpus();
  uint32_t memory_mib();
  std::chrono::microseconds clock();  // since 1970, as it was last set

  void AddTo(vmm::Registry& registry);

 private:
  friend class FakeVm;
  friend class FakeVmm;
  struct ProcessState {
    std::string output;
    bool exited = false;
    int status = 0;
  };

  void RegisterAgent(ttrpc::Server& server);
  void RegisterProcesses(ttrpc::Server& server);
  void RegisterFiles(ttrpc::Server& server);
  void Record(const std::string& call);
  // Blocks while `id` is held; false after the end of the VM.
  bool WaitWhileHeld(const std::string& id);
  // Waits until `done` or the end of the VM; false in the second case.
  bool WaitFor(const std::function<bool()>& done);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false;
  int vms_ = 0;  // started until now
  bool hangs_ = false;
  bool ignores_signal_ = false;
  ino_t network_namespace_ = 0;
  size_t nics_ = 0;
  uint32_t vcpus_ = 0;
  uint32_t memory_mib_ = 0;
  std::chrono::microseconds clock_{};
  std::string end_reason_;
  std::map<std::string, bool> held_;  // container or exec id -> a call is waiting
  std::set<std::string> given_up_;    // containers that were removed meanwhile
  std::map<std::string, ProcessState> processes_;
  std::vector<std::string> calls_;
  std::vector<std::string> oom_;
  std::map<std::string, std::string> termination_logs_;
  std::map<std::string, std::string> files_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_FAKE_GUEST_H_
