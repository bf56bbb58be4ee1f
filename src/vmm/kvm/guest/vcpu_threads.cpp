// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/vcpu_threads.h"

#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"

namespace cc::vmm::kvm {
namespace {

constexpr int kKick = SIGUSR1;

// The signal's only work is to end a system call.
absl::Status InstallKick() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  if (::sigaction(kKick, &action, nullptr) != 0) return ErrnoStatus(errno, "prepare the signal for vCPUs");
  return absl::OkStatus();
}

void BlockSignalsButKick() {
  sigset_t set;
  ::sigfillset(&set);
  ::sigdelset(&set, kKick);
  ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

// SAFETY: a mapped kvm_run; the kernel reads immediate_exit at each KVM_RUN and never writes it.
void SetImmediateExit(void* run, uint8_t value) {
  __atomic_store_n(&static_cast<kvm_run*>(run)->immediate_exit, value, __ATOMIC_SEQ_CST);
}

}  // namespace

absl::StatusOr<cca::realm::RunResult> RunPlain(cca::realm::KvmCalls& kvm, int vcpu) {
  const int result = kvm.Ioctl(vcpu, KVM_RUN);
  if (result == -EINTR) return cca::realm::RunResult::kInterrupted;
  if (result == -EAGAIN) {
    ::sched_yield();
    return cca::realm::RunResult::kAgain;
  }
  CC_RETURN_IF_ERROR(cca::realm::Checked(result, "run a vCPU"));
  return cca::realm::RunResult::kExit;
}

VcpuThreads::VcpuThreads(VmParts& parts, const MmioBus& bus, RunVcpu run,
                         std::function<void(std::string)> on_end, std::function<void()> enter)
    : parts_(parts),
      bus_(bus),
      run_(std::move(run)),
      on_end_(std::move(on_end)),
      enter_(std::move(enter)),
      states_(parts.count()) {}

absl::Status VcpuThreads::Start() {
  CC_RETURN_IF_ERROR(InstallKick());
  for (size_t i = 0; i < states_.size(); ++i) {
    CC_ASSIGN_OR_RETURN(Thread thread, Thread::Start(StrCat("vcpu", i), [this, i] { RunLoop(i); }));
    threads_.push_back(std::move(thread));
  }
  return absl::OkStatus();
}

void VcpuThreads::RunLoop(size_t index) {
  enter_();
  BlockSignalsButKick();
  {
    const std::lock_guard lock(mutex_);
    states_[index] = {.handle = ::pthread_self(), .alive = true};
  }
  const int vcpu = parts_.vcpu(index);
  void* const run = parts_.run(index);
  while (MayRun(index)) {
    const absl::StatusOr<cca::realm::RunResult> result = run_(vcpu, run);
    std::optional<std::string> end;
    if (!result.ok()) {
      end = StrCat("vCPU ", index, " failed: ", MessageOf(result.status()));
    } else if (*result == cca::realm::RunResult::kInterrupted) {
      // Before the mode is looked at again: Interrupt writes the mode first and this flag second.
      SetImmediateExit(run, 0);
    } else if (*result == cca::realm::RunResult::kExit) {
      end = HandleExit(run, bus_);
    }
    if (!end.has_value()) continue;
    if (!ended_.exchange(true)) on_end_(*std::move(end));
    break;
  }
  const std::lock_guard lock(mutex_);
  states_[index].alive = false;
  changed_.notify_all();
}

bool VcpuThreads::MayRun(size_t index) {
  if (mode_.load() == Mode::kRun) return true;
  std::unique_lock lock(mutex_);
  states_[index].resting = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return mode_.load() != Mode::kPause; });
  states_[index].resting = false;
  return mode_.load() == Mode::kRun;
}

void VcpuThreads::Interrupt(Mode mode) {
  const std::lock_guard lock(mutex_);
  mode_.store(mode);
  for (size_t i = 0; i < states_.size(); ++i) {
    if (!states_[i].alive) continue;
    SetImmediateExit(parts_.run(i), 1);
    ::pthread_kill(states_[i].handle, kKick);
  }
  changed_.notify_all();
}

void VcpuThreads::Pause() {
  if (mode_.load() != Mode::kRun) return;
  Interrupt(Mode::kPause);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    for (const State& state : states_) {
      if (state.alive && !state.resting) return false;
    }
    return true;
  });
}

void VcpuThreads::Resume() {
  const std::lock_guard lock(mutex_);
  if (mode_.load() != Mode::kPause) return;
  mode_.store(Mode::kRun);
  changed_.notify_all();
}

void VcpuThreads::Stop() {
  Interrupt(Mode::kStop);
  for (Thread& thread : threads_) thread.Join();
}

}  // namespace cc::vmm::kvm
