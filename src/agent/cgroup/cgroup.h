// SPDX-License-Identifier: Apache-2.0
// One cgroup v2 directory. Containers live in <root>/kata-cc/<container id>.
#ifndef CC_AGENT_CGROUP_CGROUP_H_
#define CC_AGENT_CGROUP_CGROUP_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::agent {

class Cgroup {
 public:
  explicit Cgroup(std::string path) : path_(std::move(path)) {}
  static Cgroup OfContainer(const std::string& root, std::string_view id);

  const std::string& path() const { return path_; }

  // The content of one of its files; NotFound when the controller is absent.
  absl::StatusOr<std::string> Read(std::string_view file) const;

  // SIGKILL to every process in it and below, also a frozen one. OK when it is gone already.
  absl::Status Kill() const;

  // Stops (or lets go on) every process in it and returns when all have stopped. DeadlineExceeded when that
  // takes unreasonably long; the request then stays in force.
  absl::Status Freeze(bool frozen) const;

  // Creates it and hands every controller that the kernel has to its children, the parent's included.
  absl::Status CreateWithControllers() const;

 private:
  const std::string path_;
};

// Gives all controllers of the root cgroup to its children.
absl::Status EnableControllers(const std::string& path);

}  // namespace cc::agent

#endif  // CC_AGENT_CGROUP_CGROUP_H_
