// SPDX-License-Identifier: Apache-2.0
// Kata's protobuf resources -> "linux.resources" of config.json, for cgroup v2. proto3 has no null: a zero
// means "not set". What cgroup v2 does not have (kernel memory, swappiness, realtime, net_cls) is left out.
#ifndef CC_AGENT_OCI_RESOURCES_JSON_H_
#define CC_AGENT_OCI_RESOURCES_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "kata/oci.pb.h"

namespace cc::agent {

nlohmann::json ResourcesJson(const grpc::LinuxResources& resources);

}  // namespace cc::agent

#endif  // CC_AGENT_OCI_RESOURCES_JSON_H_
