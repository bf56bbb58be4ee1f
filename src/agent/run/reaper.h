// SPDX-License-Identifier: Apache-2.0
// Collects ended children. Processes of containers, and all that lost its parent in the guest, become
// children of this process's main thread (PID 1, or a child subreaper). Children that a thread itself
// started (cc::Spawn) are children of that thread: __WNOTHREAD keeps the two apart, so nobody steals the
// exit status somebody else waits for.
//
// Order: BlockSignals before any thread exists; Run on the main thread. The rest is thread-safe.
#ifndef CC_AGENT_RUN_REAPER_H_
#define CC_AGENT_RUN_REAPER_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "agent/run/process.h"

namespace cc::agent {

class Reaper {
 public:
  // SIGCHLD, SIGTERM and SIGINT are taken by Run from then on.
  static void BlockSignals();

  // While an Expectation lives, ends of unknown processes are remembered for a Watch that comes late: a
  // container's init may end before crun has told its pid.
  class Expectation {
   public:
    explicit Expectation(Reaper* reaper);
    ~Expectation();
    Expectation(const Expectation&) = delete;
    Expectation& operator=(const Expectation&) = delete;

   private:
    Reaper* reaper_;
  };

  // `process` learns of its end.
  void Watch(const std::shared_ptr<Process>& process);

  // `callback` runs once on the main thread when `pid` has ended.
  void WatchPid(pid_t pid, std::function<void(int status)> callback);

  // Reaps until `stop_fd` becomes readable or SIGTERM or SIGINT arrives.
  absl::Status Run(int stop_fd);

 private:
  // False when there was nothing to reap.
  bool ReapOne();

  std::mutex mutex_;
  std::map<pid_t, std::function<void(int)>> watched_;
  int expecting_ = 0;
  std::map<pid_t, int> unclaimed_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_REAPER_H_
