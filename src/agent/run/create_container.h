// SPDX-License-Identifier: Apache-2.0
// CreateContainer: from the host's request to a container that waits for its start.
#ifndef CC_AGENT_RUN_CREATE_CONTAINER_H_
#define CC_AGENT_RUN_CREATE_CONTAINER_H_

#include "absl/status/status.h"
#include "agent/run/sandbox.h"
#include "kata/agent.pb.h"
#include "ttrpc/server.h"

namespace cc::agent {

// Blocks while the image is pulled. A request that is refused changes nothing; one that fails, or whose
// caller goes, is undone. RemoveContainer of a container in creation ends it (Cancelled).
absl::Status CreateContainer(Sandbox& sandbox, const ttrpc::CallContext& call,
                             const grpc::CreateContainerRequest& request);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_CREATE_CONTAINER_H_
