// SPDX-License-Identifier: Apache-2.0
#include "agent/rpc/metrics.h"

#include <unistd.h>

#include <array>
#include <charconv>

#include "agent/cgroup/stats.h"
#include "base/file.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxFile = 1 << 20;

std::string Proc(const std::string& name) {
  absl::StatusOr<std::string> text = ReadFile("/proc/" + name, kMaxFile);
  return text.ok() ? *std::move(text) : std::string();
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::string_view word : StrSplit(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

double Number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string AgentProcess(uint64_t scrapes) {
  MetricFamily count("kata_agent_scrape_count", "counter", "Metrics scrape count");
  count.Add(static_cast<double>(scrapes));
  MetricFamily threads("kata_agent_threads", "gauge", "Agent process threads");
  MetricFamily time("kata_agent_total_time", "gauge", "Agent process total time in seconds");
  MetricFamily vm("kata_agent_total_vm", "gauge", "Agent process total VM size in bytes");
  MetricFamily rss("kata_agent_total_rss", "gauge", "Agent process total RSS size in bytes");
  const std::string stat = Proc("self/stat");
  // Fields are counted behind the command's name, which may hold blanks.
  const std::vector<std::string_view> fields = Words(std::string_view(stat).substr(stat.rfind(')') + 1));
  if (fields.size() > 21) {
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    time.Add((Number(fields[11]) + Number(fields[12])) / ticks);
    threads.Add(Number(fields[17]));
    vm.Add(Number(fields[20]));
    rss.Add(Number(fields[21]) * page);
  }
  return StrCat(count.Text(), threads.Text(), time.Text(), vm.Text(), rss.Text());
}

// Files of lines "name value" or "name: value kB".
std::string KeyValues(const std::string& file, std::string_view name, std::string_view help) {
  MetricFamily family(name, "gauge", help);
  const std::string text = Proc(file);
  for (std::string_view line : StrSplit(text, '\n')) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 2) continue;
    std::string_view key = words[0];
    if (key.back() == ':') key.remove_suffix(1);
    const double unit = words.size() > 2 && words[2] == "kB" ? 1024 : 1;
    family.Add(Number(words[1]) * unit, {{"item", key}});
  }
  return family.Text();
}

std::string Load() {
  MetricFamily load("kata_guest_load", "gauge", "Guest system load.");
  const std::string text = Proc("loadavg");
  const std::vector<std::string_view> words = Words(text);
  static constexpr std::array<std::string_view, 3> kItems = {"load1", "load5", "load15"};
  for (size_t i = 0; i < kItems.size() && i < words.size(); ++i)
    load.Add(Number(words[i]), {{"item", kItems[i]}});
  return load.Text();
}

std::string CpuTime() {
  MetricFamily family("kata_guest_cpu_time", "gauge", "Guest CPU statistics in ticks.");
  static constexpr std::array<std::string_view, 8> kItems = {"user",   "nice", "system",  "idle",
                                                             "iowait", "irq",  "softirq", "steal"};
  const std::string text = Proc("stat");
  for (std::string_view line : StrSplit(text, '\n')) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() <= kItems.size() || words[0].substr(0, 3) != "cpu") continue;
    const std::string_view cpu = words[0] == "cpu" ? "total" : words[0].substr(3);
    for (size_t i = 0; i < kItems.size(); ++i)
      family.Add(Number(words[i + 1]), {{"cpu", cpu}, {"item", kItems[i]}});
  }
  return family.Text();
}

std::string NetDev() {
  MetricFamily family("kata_guest_netdev_stat", "gauge", "Guest net devices statistics.");
  grpc::StatsContainerResponse stats;
  ParseNetDev(Proc("net/dev"), &stats);
  for (const grpc::NetworkStats& device : stats.network_stats()) {
    const auto add = [&](std::string_view item, uint64_t value) {
      family.Add(static_cast<double>(value), {{"interface", device.name()}, {"item", item}});
    };
    add("recv_bytes", device.rx_bytes());
    add("recv_packets", device.rx_packets());
    add("recv_errs", device.rx_errors());
    add("recv_drop", device.rx_dropped());
    add("sent_bytes", device.tx_bytes());
    add("sent_packets", device.tx_packets());
    add("sent_errs", device.tx_errors());
    add("sent_drop", device.tx_dropped());
  }
  return family.Text();
}

}  // namespace

MetricFamily::MetricFamily(std::string_view name, std::string_view type, std::string_view help)
    : name_(name), head_(StrCat("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n")) {}

void MetricFamily::Add(double value, const Labels& labels) {
  samples_.append(name_);
  if (!labels.empty()) {
    char separator = '{';
    for (const auto& [key, text] : labels) {
      StrAppend(&samples_, separator, key, "=\"");
      for (char c : text) {
        if (c == '\\' || c == '"') samples_.push_back('\\');
        if (c == '\n') {
          samples_.append("\\n");
        } else {
          samples_.push_back(c);
        }
      }
      samples_.push_back('"');
      separator = ',';
    }
    samples_.push_back('}');
  }
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  StrAppend(&samples_, ' ', std::string_view(buffer.data(), static_cast<size_t>(end - buffer.data())), '\n');
}

std::string MetricFamily::Text() const { return samples_.empty() ? std::string() : head_ + samples_; }

std::string CollectMetrics(uint64_t scrapes) {
  return StrCat(AgentProcess(scrapes),
                KeyValues("self/io", "kata_agent_io_stat", "Agent process IO statistics."), Load(), CpuTime(),
                KeyValues("vmstat", "kata_guest_vm_stat", "Guest virtual memory statistics."),
                KeyValues("meminfo", "kata_guest_meminfo", "Guest memory usage in bytes."), NetDev());
}

}  // namespace cc::agent
