// SPDX-License-Identifier: Apache-2.0
// Memory and processor time of a process, from its /proc/<pid>/stat line.
#ifndef CC_VMM_PROCESS_STATS_H_
#define CC_VMM_PROCESS_STATS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "vmm/vmm.h"

namespace cc::vmm {

// InvalidArgument for anything that is not such a line. The program's name in it may hold any character.
absl::StatusOr<VmStats> ParseProcessStat(std::string_view line, uint64_t page_size,
                                         uint64_t ticks_per_second);

}  // namespace cc::vmm

#endif  // CC_VMM_PROCESS_STATS_H_
