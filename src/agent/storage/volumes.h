// SPDX-License-Identifier: Apache-2.0
// Volumes that live in the guest: memory-backed file systems ("ephemeral") and directories ("local"), at
// paths the host chose beneath <base>/sandbox and <base>/shared. Containers of a pod share them: a volume is
// counted and goes with its last user, or, when it is `shared`, with the sandbox: what an init container
// left in an emptyDir is there when the next container comes. Every other storage driver is refused: nothing
// of the host's file systems is passed through. Thread-safe.
#ifndef CC_AGENT_STORAGE_VOLUMES_H_
#define CC_AGENT_STORAGE_VOLUMES_H_

#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "kata/agent.pb.h"

namespace cc::agent {

class Volumes {
 public:
  // `base` exists and is open as `base_fd` (not owned).
  Volumes(std::string base, int base_fd) : base_(std::move(base)), base_fd_(base_fd) {}

  ~Volumes();  // unmounts what is left

  // Refuses what Add would refuse for the sake of its form; changes nothing.
  absl::Status Check(const grpc::Storage& storage) const;

  // Sets the volume up, or counts one user more.
  absl::Status Add(const grpc::Storage& storage);

  // One user less; the last one unmounts. Unknown mount points are ignored.
  void Release(const std::string& mount_point);

  // New options (e.g. size=) for an ephemeral volume that exists; NotFound otherwise.
  absl::Status Remount(const grpc::Storage& storage);

 private:
  absl::Status SetUp(const grpc::Storage& storage);

  const std::string base_;
  const int base_fd_;
  std::mutex mutex_;  // held across mount(2), which does not block for these file systems
  struct Volume {
    int users = 0;
    bool mounted = false;
    bool kept = false;
  };
  std::map<std::string, Volume> volumes_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_VOLUMES_H_
