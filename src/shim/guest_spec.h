// SPDX-License-Identifier: Apache-2.0
// From the host's specification of a container to what the guest is asked to create: host-only parts are
// dropped, host paths replaced, the rootfs becomes an image that the guest pulls.
#ifndef CC_SHIM_GUEST_SPEC_H_
#define CC_SHIM_GUEST_SPEC_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kata/agent.pb.h"
#include "kata/oci.pb.h"
#include "shim/bundle.h"
#include "shim/mounts.h"

namespace cc::shim {

struct GuestContainer {
  grpc::CreateContainerRequest request;
  std::vector<HostCopy> copies;
  std::optional<TerminationLog> termination_log;
  std::vector<std::string> dropped;  // for the log: what the guest will not get
};

struct GuestContainerInput {
  std::string id;
  std::string bundle;
  std::string image;  // reference, or "pause" for a pod's sandbox container
  Grouping grouping;
  std::string copy_tag;  // random, makes guest paths of copies unguessable
};

// InvalidArgument names a mount that has no meaning in a confidential guest.
absl::StatusOr<GuestContainer> MakeGuestContainer(grpc::Spec spec, const GuestContainerInput& input);

// What can be changed on a running container, host-only parts dropped as at creation.
void PruneResources(grpc::LinuxResources* resources);

// FailedPrecondition: a pod asks for the host's network, which a virtual machine cannot share.
absl::Status RefuseHostNetwork();

// Path of the network namespace that the pod's network is in; empty when a new one is to be made (`ctr run`).
// FailedPrecondition for a pod on the host's network.
absl::StatusOr<std::string> NetworkNamespaceOf(const grpc::Spec& spec, ContainerKind kind);

// The lines of the resolv.conf that the host would mount into the container, for CreateSandbox.
std::vector<std::string> ResolverLines(const grpc::Spec& spec);

}  // namespace cc::shim

#endif  // CC_SHIM_GUEST_SPEC_H_
