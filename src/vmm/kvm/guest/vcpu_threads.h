// SPDX-License-Identifier: Apache-2.0
// The threads on which the vCPUs run, and how they are brought to a halt. A vCPU is told to leave the guest
// by kvm_run's immediate_exit and a signal (Documentation/virt/kvm/api.rst, "KVM_RUN"): the flag catches one
// that is about to enter, the signal one that is inside.
#ifndef CC_VMM_KVM_GUEST_VCPU_THREADS_H_
#define CC_VMM_KVM_GUEST_VCPU_THREADS_H_

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread.h"
#include "cca/realm/kvm_calls.h"
#include "cca/realm/realm_vm.h"
#include "vmm/kvm/guest/machine_parts.h"
#include "vmm/kvm/guest/mmio_bus.h"

namespace cc::vmm::kvm {

// Runs a vCPU once. For a normal VM that is RunPlain, for a Realm RealmVm::Run.
using RunVcpu = std::function<absl::StatusOr<cca::realm::RunResult>(int vcpu, void* run)>;
absl::StatusOr<cca::realm::RunResult> RunPlain(cca::realm::KvmCalls& kvm, int vcpu);

// Acts on the exit that `run` tells of. The sentence for people when the VM has come to its end.
std::optional<std::string> HandleExit(void* run, const MmioBus& bus);

// Start, Pause, Resume and Stop belong to one thread, which is no vCPU's and on which no MMIO handler waits.
class VcpuThreads {
 public:
  // `on_end` is called once, by the first vCPU that finds the end of the VM, with the reason. All are
  // outlived by the arguments. `enter` is called first on each thread.
  VcpuThreads(
      VmParts& parts, const MmioBus& bus, RunVcpu run, std::function<void(std::string)> on_end,
      std::function<void()> enter = [] {});
  ~VcpuThreads() { Stop(); }
  VcpuThreads(const VcpuThreads&) = delete;
  VcpuThreads& operator=(const VcpuThreads&) = delete;

  absl::Status Start();
  // Returns when no vCPU is in the guest.
  void Pause();
  void Resume();
  // Returns when all threads have ended. For good.
  void Stop();

 private:
  enum class Mode { kRun, kPause, kStop };
  struct State {
    pthread_t handle{};
    bool alive = false;    // the handle is valid and the thread has not left its loop
    bool resting = false;  // waits in WaitUntilRunning
  };

  void RunLoop(size_t index);
  bool MayRun(size_t index);  // false: the thread is to end
  void Interrupt(Mode mode);

  VmParts& parts_;
  const MmioBus& bus_;
  const RunVcpu run_;
  const std::function<void(std::string)> on_end_;
  const std::function<void()> enter_;
  std::atomic<bool> ended_ = false;

  std::atomic<Mode> mode_ = Mode::kRun;  // written under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  std::vector<Thread> threads_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_VCPU_THREADS_H_
