// SPDX-License-Identifier: Apache-2.0
// Tells when the kernel killed a process of a container for lack of memory: one event for each growth of
// oom_kill in memory.events, which the kernel announces by inotify. Thread-safe.
#ifndef CC_AGENT_CGROUP_OOM_WATCH_H_
#define CC_AGENT_CGROUP_OOM_WATCH_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/cgroup/cgroup.h"
#include "agent/run/latch.h"
#include "base/unique_fd.h"
#include "ttrpc/server.h"

namespace cc::agent {

class OomWatch {
 public:
  static absl::StatusOr<std::unique_ptr<OomWatch>> Start();
  ~OomWatch();

  absl::Status Add(const std::string& id, const Cgroup& cgroup);
  void Remove(const std::string& id);

  // Blocks until there is an event and takes it: the container's id.
  absl::StatusOr<std::string> Next(const ttrpc::CallContext& call);

 private:
  OomWatch(UniqueFd inotify, std::shared_ptr<Latch> stop);
  void Loop();
  void Check(int watch);

  struct Watched {
    std::string id;
    std::string file;
    uint64_t seen = 0;
  };
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> events;
  };
  const UniqueFd inotify_;
  const std::shared_ptr<Latch> stop_;
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  std::mutex mutex_;
  std::map<int, Watched> watched_;
  std::thread thread_;
};

// The value of `key` in a flat-keyed cgroup file ("key 1\n..."); 0 when absent.
uint64_t FlatKeyedValue(std::string_view text, std::string_view key);

}  // namespace cc::agent

#endif  // CC_AGENT_CGROUP_OOM_WATCH_H_
