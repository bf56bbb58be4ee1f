// SPDX-License-Identifier: Apache-2.0
// What the host may ask for in a container's specification. ConfineSpec refuses what it must not (hooks,
// foreign devices, mounts from arbitrary guest paths) and sets what the guest alone decides (namespaces,
// cgroup, device access). It only judges and edits the message; it touches nothing.
#ifndef CC_AGENT_OCI_SPEC_POLICY_H_
#define CC_AGENT_OCI_SPEC_POLICY_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kata/oci.pb.h"

namespace cc::agent {

struct SpecContext {
  std::string container_id;
  std::string base;          // kContainerBase, or a test's directory
  std::string rootfs;        // of an image pulled here; empty: spec.root.path is taken
  std::string shared_pidns;  // path of the pod's PID namespace to join; empty: a new one
};

struct ConfinedSpec {
  // Indices into spec.mounts whose source is a guest path below `base`, to be pinned before use.
  std::vector<int> binds;
  // Settings of the namespaces that the pod shares with the guest; to be written to /proc/sys.
  std::map<std::string, std::string> sysctls;
};

// PermissionDenied names the first part that is refused, InvalidArgument what makes no sense.
absl::StatusOr<ConfinedSpec> ConfineSpec(const SpecContext& context, grpc::Spec* spec);

// True when `path` is absolute, lies beneath `directory` and has no empty, "." or ".." component.
bool IsCleanPathBeneath(std::string_view path, std::string_view directory);

// True when a storage or bind mount may use `path`: beneath <base>/sandbox or <base>/shared.
bool IsVolumePath(std::string_view path, std::string_view base);

}  // namespace cc::agent

#endif  // CC_AGENT_OCI_SPEC_POLICY_H_
