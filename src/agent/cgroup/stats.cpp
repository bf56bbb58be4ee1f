// SPDX-License-Identifier: Apache-2.0
#include "agent/cgroup/stats.h"

#include <array>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "agent/cgroup/oom_watch.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr uint64_t kNanosPerMicro = 1000;

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::string_view word : StrSplit(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

uint64_t ReadNumber(const Cgroup& cgroup, std::string_view file) {
  absl::StatusOr<std::string> text = cgroup.Read(file);
  return text.ok() ? ParseCgroupNumber(*text) : 0;
}

void ReadMemory(const Cgroup& cgroup, grpc::MemoryStats* out) {
  grpc::MemoryData* usage = out->mutable_usage();
  usage->set_usage(ReadNumber(cgroup, "memory.current"));
  usage->set_limit(ReadNumber(cgroup, "memory.max"));
  usage->set_max_usage(ReadNumber(cgroup, "memory.peak"));
  if (absl::StatusOr<std::string> events = cgroup.Read("memory.events"); events.ok()) {
    usage->set_failcnt(FlatKeyedValue(*events, "max"));
  }
  if (absl::StatusOr<std::string> swap = cgroup.Read("memory.swap.current"); swap.ok()) {
    out->mutable_swap_usage()->set_usage(ParseCgroupNumber(*swap));
    out->mutable_swap_usage()->set_limit(ReadNumber(cgroup, "memory.swap.max"));
  }
  if (absl::StatusOr<std::string> stat = cgroup.Read("memory.stat"); stat.ok()) ParseMemoryStat(*stat, out);
}

void ReadHugetlb(const Cgroup& cgroup, grpc::CgroupStats* out) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(cgroup.path(), error)) {
    const std::string name = entry.path().filename().string();
    const std::vector<std::string_view> parts = StrSplit(name, '.');
    if (parts.size() != 3 || parts[0] != "hugetlb" || parts[2] != "current") continue;
    grpc::HugetlbStats stats;
    stats.set_usage(ReadNumber(cgroup, name));
    if (absl::StatusOr<std::string> events = cgroup.Read(StrCat("hugetlb.", parts[1], ".events"));
        events.ok()) {
      stats.set_failcnt(FlatKeyedValue(*events, "max"));
    }
    (*out->mutable_hugetlb_stats())[std::string(parts[1])] = stats;
  }
}

}  // namespace

uint64_t ParseCgroupNumber(std::string_view text) {
  text = StrTrim(text);
  uint64_t value = 0;
  if (text == "max") return std::numeric_limits<uint64_t>::max();
  return ParseNumber(text, &value) ? value : 0;
}

void ParseCpuStat(std::string_view cpu_stat, grpc::CpuStats* out) {
  grpc::CpuUsage* usage = out->mutable_cpu_usage();
  usage->set_total_usage(FlatKeyedValue(cpu_stat, "usage_usec") * kNanosPerMicro);
  usage->set_usage_in_usermode(FlatKeyedValue(cpu_stat, "user_usec") * kNanosPerMicro);
  usage->set_usage_in_kernelmode(FlatKeyedValue(cpu_stat, "system_usec") * kNanosPerMicro);
  grpc::ThrottlingData* throttling = out->mutable_throttling_data();
  throttling->set_periods(FlatKeyedValue(cpu_stat, "nr_periods"));
  throttling->set_throttled_periods(FlatKeyedValue(cpu_stat, "nr_throttled"));
  throttling->set_throttled_time(FlatKeyedValue(cpu_stat, "throttled_usec") * kNanosPerMicro);
}

void ParseMemoryStat(std::string_view memory_stat, grpc::MemoryStats* out) {
  for (std::string_view line : StrSplit(memory_stat, '\n')) {
    const SplitPair pair = SplitOnce(line, ' ');
    uint64_t value = 0;
    if (ParseNumber(pair.second, &value)) (*out->mutable_stats())[std::string(pair.first)] = value;
  }
  out->set_cache(FlatKeyedValue(memory_stat, "file"));
}

// Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0".
void ParseIoStat(std::string_view io_stat, grpc::BlkioStats* out) {
  for (std::string_view line : StrSplit(io_stat, '\n')) {
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    const SplitPair device = SplitOnce(words[0], ':');
    grpc::BlkioStatsEntry entry;
    uint64_t number = 0;
    if (!ParseNumber(device.first, &number)) continue;
    entry.set_major(number);
    if (!ParseNumber(device.second, &number)) continue;
    entry.set_minor(number);
    for (size_t i = 1; i < words.size(); ++i) {
      const SplitPair pair = SplitOnce(words[i], '=');
      if (!ParseNumber(pair.second, &number)) continue;
      entry.set_value(number);
      const bool bytes = pair.first == "rbytes" || pair.first == "wbytes";
      if (!bytes && pair.first != "rios" && pair.first != "wios") continue;
      entry.set_op(pair.first[0] == 'r' ? "read" : "write");
      *(bytes ? out->add_io_service_bytes_recursive() : out->add_io_serviced_recursive()) = entry;
    }
  }
}

void ParseNetDev(std::string_view text, grpc::StatsContainerResponse* out) {
  for (std::string_view line : StrSplit(text, '\n')) {
    const SplitPair pair = SplitOnce(line, ':');
    const std::string_view name = StrTrim(pair.first);
    const std::vector<std::string_view> words = Words(pair.second);
    if (!pair.found || name == "lo" || words.size() < 12) continue;
    std::array<uint64_t, 12> values{};
    bool ok = true;
    for (size_t i = 0; i < values.size(); ++i) ok = ok && ParseNumber(words[i], &values[i]);
    if (!ok) continue;
    grpc::NetworkStats* stats = out->add_network_stats();
    stats->set_name(std::string(name));
    stats->set_rx_bytes(values[0]);
    stats->set_rx_packets(values[1]);
    stats->set_rx_errors(values[2]);
    stats->set_rx_dropped(values[3]);
    stats->set_tx_bytes(values[8]);
    stats->set_tx_packets(values[9]);
    stats->set_tx_errors(values[10]);
    stats->set_tx_dropped(values[11]);
  }
}

absl::Status ReadCgroupStats(const Cgroup& cgroup, grpc::CgroupStats* out) {
  CC_ASSIGN_OR_RETURN(const std::string cpu, cgroup.Read("cpu.stat"));
  ParseCpuStat(cpu, out->mutable_cpu_stats());
  ReadMemory(cgroup, out->mutable_memory_stats());
  out->mutable_pids_stats()->set_current(ReadNumber(cgroup, "pids.current"));
  const uint64_t limit = ReadNumber(cgroup, "pids.max");
  if (limit != std::numeric_limits<uint64_t>::max()) out->mutable_pids_stats()->set_limit(limit);
  if (absl::StatusOr<std::string> io = cgroup.Read("io.stat"); io.ok())
    ParseIoStat(*io, out->mutable_blkio_stats());
  ReadHugetlb(cgroup, out);
  return absl::OkStatus();
}

}  // namespace cc::agent
