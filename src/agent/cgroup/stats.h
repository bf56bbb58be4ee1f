// SPDX-License-Identifier: Apache-2.0
// cgroup v2 files and /proc/net/dev -> the agent protocol's statistics. The parsers take text; a missing
// controller leaves its part out.
#ifndef CC_AGENT_CGROUP_STATS_H_
#define CC_AGENT_CGROUP_STATS_H_

#include <string_view>

#include "agent/cgroup/cgroup.h"
#include "kata/agent.pb.h"

namespace cc::agent {

// All of one container. NotFound when the cgroup is gone.
absl::Status ReadCgroupStats(const Cgroup& cgroup, grpc::CgroupStats* out);

void ParseCpuStat(std::string_view cpu_stat, grpc::CpuStats* out);
// "max" reads as the largest number.
uint64_t ParseCgroupNumber(std::string_view text);
void ParseIoStat(std::string_view io_stat, grpc::BlkioStats* out);
void ParseMemoryStat(std::string_view memory_stat, grpc::MemoryStats* out);
// Interfaces of /proc/net/dev, loopback left out.
void ParseNetDev(std::string_view text, grpc::StatsContainerResponse* out);

}  // namespace cc::agent

#endif  // CC_AGENT_CGROUP_STATS_H_
