// SPDX-License-Identifier: Apache-2.0
// A container's statistics in the form that containerd expects of this host.
#ifndef CC_SHIM_STATS_H_
#define CC_SHIM_STATS_H_

#include "google/protobuf/any.pb.h"
#include "kata/agent.pb.h"

namespace cc::shim {

enum class CgroupMode { kV1, kV2 };

// What containerd on this host decodes: v2 when /sys/fs/cgroup is the unified hierarchy.
CgroupMode HostCgroupMode();

// io.containerd.cgroups.v1.Metrics or .v2.Metrics, filled from the guest's counters.
google::protobuf::Any ConvertStats(const grpc::StatsContainerResponse& stats, CgroupMode mode);

}  // namespace cc::shim

#endif  // CC_SHIM_STATS_H_
