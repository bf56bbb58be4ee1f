// SPDX-License-Identifier: Apache-2.0
#include "vmm/process_stats.h"

#include <vector>

#include "base/strings.h"

namespace cc::vmm {
namespace {

// Fields behind the name, counted from the state (proc(5) numbers it 3): utime is 14, stime 15, rss 24.
constexpr size_t kUserTime = 11, kSystemTime = 12, kResidentPages = 21;

}  // namespace

absl::StatusOr<VmStats> ParseProcessStat(std::string_view line, uint64_t page_size,
                                         uint64_t ticks_per_second) {
  const size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > line.size() || ticks_per_second == 0) {
    return absl::InvalidArgumentError("no /proc/<pid>/stat line");
  }
  const std::vector<std::string_view> fields = StrSplit(StrTrim(line.substr(name_end + 2)), ' ');
  uint64_t user = 0, system = 0, pages = 0;
  if (fields.size() <= kResidentPages || !ParseNumber(fields[kUserTime], &user) ||
      !ParseNumber(fields[kSystemTime], &system) || !ParseNumber(fields[kResidentPages], &pages)) {
    return absl::InvalidArgumentError("/proc/<pid>/stat line is incomplete");
  }
  return VmStats{.rss_bytes = pages * page_size,
                 .cpu_usec = (user + system) * (1'000'000 / ticks_per_second)};
}

}  // namespace cc::vmm
