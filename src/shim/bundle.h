// SPDX-License-Identifier: Apache-2.0
// What the shim reads from and leaves in a container's bundle directory.
#ifndef CC_SHIM_BUNDLE_H_
#define CC_SHIM_BUNDLE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::shim {

// A container's place in its pod, from the annotations of containerd's CRI plugin or of CRI-O.
enum class ContainerKind {
  kSingle,   // no pod: `ctr run`, nerdctl
  kSandbox,  // the pause container
  kMember,   // a container of an existing pod
};
struct Grouping {
  ContainerKind kind = ContainerKind::kSingle;
  std::string sandbox_id;  // own id unless kMember
};
using Annotations = std::map<std::string, std::string>;

Grouping GroupingOf(const std::string& id, const Annotations& annotations);

// Text of config.json; the error of a missing one says which bundle.
absl::StatusOr<std::string> ReadSpecText(const std::string& bundle);
absl::StatusOr<Annotations> ReadAnnotations(const std::string& spec_text);

// Identifies a process beyond the reuse of its pid.
struct ProcessId {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // field 22 of /proc/<pid>/stat

  // NotFound when no such process runs.
  static absl::StatusOr<ProcessId> Of(pid_t pid);
  // SIGKILL and wait for the end, at most five seconds. OK when it had ended already or the pid is somebody
  // else's.
  absl::Status Kill() const;
};

// Kept in the sandbox's bundle for `delete` after a crash of the daemon.
struct SandboxRecord {
  ProcessId shim;
  ProcessId vm;
  std::string state_dir;  // the sandbox's private directory
  // The pod's network namespace and NetNamespace::identity; empty without one.
  std::string network_namespace;
  std::string network_identity;

  absl::Status Save(const std::string& bundle) const;
  static absl::StatusOr<SandboxRecord> Load(const std::string& bundle);
  // There is nothing left to clean up.
  static void Remove(const std::string& bundle);
};

// Name of a sandbox's directory beneath state_dir: short (socket paths are limited to 107 bytes), readable,
// and distinct for equal ids in different namespaces.
std::string SandboxDirName(const std::string& namespace_name, const std::string& id);

}  // namespace cc::shim

#endif  // CC_SHIM_BUNDLE_H_
