// SPDX-License-Identifier: Apache-2.0
#include "shim/idle_probe.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr size_t kMaxStat = 4096;

// proc_pid_stat(5), from the state on: the command before it may hold anything.
struct Stat {
  char state = 0;
  uint64_t major_faults = 0;
};
std::optional<Stat> ReadStat(const std::string& directory) {
  const absl::StatusOr<std::string> text = ReadFile(directory + "/stat", kMaxStat);
  const size_t end = text.ok() ? text->rfind(')') : std::string::npos;
  if (end == std::string::npos || end + 2 >= text->size()) return std::nullopt;
  const std::vector<std::string_view> fields = StrSplit(std::string_view(*text).substr(end + 2), ' ');
  constexpr size_t kMajorFaults = 12 - 3;
  Stat stat{.state = fields[0].empty() ? '\0' : fields[0][0], .major_faults = 0};
  if (fields.size() <= kMajorFaults || !ParseNumber(fields[kMajorFaults], &stat.major_faults)) {
    return std::nullopt;
  }
  return stat;
}

// The first two numbers of schedstat (Documentation/scheduler/sched-stats.rst in Linux): time on a processor
// and time waiting for one, in nanoseconds.
std::optional<uint64_t> ReadBusy(const std::string& directory) {
  const absl::StatusOr<std::string> text = ReadFile(directory + "/schedstat", kMaxStat);
  if (!text.ok()) return std::nullopt;
  const std::vector<std::string_view> fields = StrSplit(StrTrim(*text), ' ');
  uint64_t ran = 0;
  uint64_t waited = 0;
  if (fields.size() < 2 || !ParseNumber(fields[0], &ran) || !ParseNumber(fields[1], &waited)) {
    return std::nullopt;
  }
  return ran + waited;
}

}  // namespace

IdleProbe::Look IdleProbe::LookNow() const {
  Look look;
  const std::string process = StrCat("/proc/", pid_);
  const std::optional<Stat> whole = ReadStat(process);
  if (!whole.has_value()) return {};
  look.major_faults = whole->major_faults;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(process + "/task", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string directory = entry->path().string();
    uint32_t tid = 0;
    const std::optional<Stat> stat = ReadStat(directory);
    const std::optional<uint64_t> busy = ReadBusy(directory);
    if (!stat.has_value() || !busy.has_value() || !ParseNumber(entry->path().filename().string(), &tid)) {
      return {};
    }
    look.blocked = look.blocked || (stat->state != 'S' && stat->state != 'T' && stat->state != 'I');
    look.busy_ns[static_cast<pid_t>(tid)] = *busy;
  }
  look.known = !error && !look.busy_ns.empty();
  return look;
}

bool IdleProbe::IdleSinceLastLook() {
  const Look before = std::exchange(last_, LookNow());
  if (!before.known || !last_.known || last_.blocked || before.major_faults != last_.major_faults ||
      before.busy_ns.size() != last_.busy_ns.size()) {
    return false;
  }
  uint64_t busy = 0;
  for (const auto& [tid, ns] : last_.busy_ns) {
    const auto earlier = before.busy_ns.find(tid);
    if (earlier == before.busy_ns.end()) return false;
    busy += ns - earlier->second;
  }
  return busy < static_cast<uint64_t>(tolerated_.count());
}

}  // namespace cc::shim
