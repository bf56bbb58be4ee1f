// SPDX-License-Identifier: Apache-2.0
// A VMM as a child process: what starting, watching and ending it has in common for every back end. All of
// its events are handled by one thread of ours, which is also the process's parent: the process dies with it.
#ifndef CC_VMM_VM_PROCESS_H_
#define CC_VMM_VM_PROCESS_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/process.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "vmm/vmm.h"

namespace cc::vmm {

// Thread-safe, except that whoever gave callbacks must call Shutdown before what they use goes.
class VmProcess {
 public:
  // Both are called on the loop's thread.
  struct Callbacks {
    // Prepares what the process needs and says how to start it; its descriptor 2 is taken for its errors.
    std::function<absl::StatusOr<SpawnOptions>()> prepare;
    // The process has ended: releases what belongs to it and says why it ended. An empty sentence = the exit
    // status and the process's last words say it.
    std::function<std::string(const ExitState& exit)> ended;
  };

  // `program` is the VMM's name for people. Of the spec it keeps what concerns every process: the id and the
  // network namespace.
  static absl::StatusOr<std::unique_ptr<VmProcess>> Create(const VmSpec& spec, std::string program);
  ~VmProcess() { Shutdown(); }
  VmProcess(const VmProcess&) = delete;
  VmProcess& operator=(const VmProcess&) = delete;

  EventLoop* loop() const { return loop_.get(); }

  // Once. Returns when the process runs.
  absl::Status Start(Callbacks callbacks);
  // Unavailable when it has ended, FailedPrecondition before Start.
  absl::Status CheckRunning(std::string_view action) const;
  // Kills it and returns when it is gone. Idempotent.
  void Stop();
  // Blocks until it has ended; the reason.
  std::string Wait();
  pid_t pid() const;
  absl::StatusOr<VmStats> Stats() const;
  // Stops it and the loop's thread.
  void Shutdown();

 private:
  enum class State { kCreated, kStarting, kRunning, kEnded };

  VmProcess(const VmSpec& spec, std::string program)
      : sandbox_(spec.id), program_(std::move(program)), network_namespace_(spec.network_namespace) {}
  absl::Status Launch();  // on the loop's thread
  void ReadErrors();
  void OnExit();
  void End(std::string why);
  std::string Describe(const absl::StatusOr<ExitState>& exit);

  const std::string sandbox_, program_;
  const int network_namespace_;
  std::unique_ptr<EventLoop> loop_;
  // These belong to the loop's thread.
  Callbacks callbacks_;
  UniqueFd errors_;
  std::string error_tail_;
  Child child_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kCreated;
  bool stop_asked_ = false;
  pid_t pid_ = -1;
  UniqueFd pidfd_;      // a second one: child_ is the loop's
  std::string ending_;  // set with kEnded

  Thread thread_;  // last: joined before the rest goes
};

}  // namespace cc::vmm

#endif  // CC_VMM_VM_PROCESS_H_
