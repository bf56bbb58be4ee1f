// SPDX-License-Identifier: Apache-2.0
// Follows a connected agent: what it reports, whether it answers, and whether it is still there.
#ifndef CC_SHIM_AGENT_WATCH_H_
#define CC_SHIM_AGENT_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent_proto/agent_client.h"
#include "base/thread.h"

namespace cc::shim {

// Thread-safe. The callbacks run on its threads; none runs after the destructor.
class AgentWatch {
 public:
  struct Options {
    std::chrono::seconds silence_limit;  // an agent that answers nothing for so long is lost
    // Whether the VMM had nothing to do since the last call. A guest that owes an answer has: one that is
    // idle all the same, for a few seconds, hangs.
    std::function<bool()> vmm_idle;
    std::function<void(const std::string& container_id)> on_oom;
    // A few times at most: the agent has gone or has fallen silent while its VM lives. May wait for the VM's
    // end.
    std::function<void(const std::string& reason)> on_lost;
  };
  static absl::StatusOr<std::unique_ptr<AgentWatch>> Start(std::shared_ptr<agent_proto::AgentClient> agent,
                                                           Options options);
  // VmEnded, and waits for the end of the connection.
  ~AgentWatch();

  // Unavailable when the agent has owed the answer to a health check for longer than a guest that lives
  // needs. Nothing is asked.
  absl::Status Responsive() const;
  // From now on a silent or lost agent is no news.
  void VmEnded();

 private:
  AgentWatch(std::shared_ptr<agent_proto::AgentClient> agent, Options options)
      : agent_(std::move(agent)), options_(std::move(options)) {}
  void FollowEvents();
  void CheckHealth();
  void WatchSilence();

  const std::shared_ptr<agent_proto::AgentClient> agent_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // the connection has ended
  bool vm_ended_ = false;
  std::optional<std::chrono::steady_clock::time_point> unanswered_since_;  // of the check under way
  Thread events_;
  Thread health_;
  Thread silence_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_AGENT_WATCH_H_
