// SPDX-License-Identifier: Apache-2.0
#include "shim/stats.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <map>
#include <string>
#include <utility>

#include "containerd/cgroups_v1.pb.h"
#include "containerd/cgroups_v2.pb.h"

namespace cc::shim {
namespace {

namespace v1 = io::containerd::cgroups::v1;
namespace v2 = io::containerd::cgroups::v2;

constexpr uint64_t kNanosPerMicro = 1000;

uint64_t Find(const grpc::MemoryStats& memory, const char* key) {
  const auto it = memory.stats().find(key);
  return it == memory.stats().end() ? 0 : it->second;
}

// Both generations name the fields of a network interface alike.
template <typename Metrics>
void AddNetworks(const grpc::StatsContainerResponse& from, Metrics* to) {
  for (const grpc::NetworkStats& in : from.network_stats()) {
    auto* out = to->add_network();
    out->set_name(in.name());
    out->set_rx_bytes(in.rx_bytes());
    out->set_rx_packets(in.rx_packets());
    out->set_rx_errors(in.rx_errors());
    out->set_rx_dropped(in.rx_dropped());
    out->set_tx_bytes(in.tx_bytes());
    out->set_tx_packets(in.tx_packets());
    out->set_tx_errors(in.tx_errors());
    out->set_tx_dropped(in.tx_dropped());
  }
}

void SetEntry(const grpc::MemoryData& from, v1::MemoryEntry* to) {
  to->set_limit(from.limit());
  to->set_usage(from.usage());
  to->set_max(from.max_usage());
  to->set_failcnt(from.failcnt());
}

void ConvertMemory(const grpc::MemoryStats& from, v1::MemoryStat* to) {
  to->set_cache(from.cache() != 0 ? from.cache() : Find(from, "file"));
  to->set_rss(from.stats().contains("rss") ? Find(from, "rss") : Find(from, "anon"));
  to->set_mapped_file(from.stats().contains("mapped_file") ? Find(from, "mapped_file")
                                                           : Find(from, "file_mapped"));
  to->set_dirty(Find(from, "dirty") + Find(from, "file_dirty"));
  to->set_writeback(Find(from, "writeback") + Find(from, "file_writeback"));
  to->set_pg_fault(Find(from, "pgfault"));
  to->set_pg_maj_fault(Find(from, "pgmajfault"));
  to->set_inactive_anon(Find(from, "inactive_anon"));
  to->set_active_anon(Find(from, "active_anon"));
  to->set_inactive_file(Find(from, "inactive_file"));
  to->set_active_file(Find(from, "active_file"));
  to->set_unevictable(Find(from, "unevictable"));
  to->set_total_inactive_file(Find(from, "inactive_file"));
  to->set_total_cache(to->cache());
  to->set_total_rss(to->rss());
  SetEntry(from.usage(), to->mutable_usage());
  SetEntry(from.swap_usage(), to->mutable_swap());
  SetEntry(from.kernel_usage(), to->mutable_kernel());
}

void AddBlkio(const google::protobuf::RepeatedPtrField<grpc::BlkioStatsEntry>& from,
              google::protobuf::RepeatedPtrField<v1::BlkIOEntry>* to) {
  for (const grpc::BlkioStatsEntry& in : from) {
    v1::BlkIOEntry* out = to->Add();
    out->set_op(in.op());
    out->set_major(in.major());
    out->set_minor(in.minor());
    out->set_value(in.value());
  }
}

v1::Metrics ToV1(const grpc::StatsContainerResponse& from) {
  const grpc::CgroupStats& in = from.cgroup_stats();
  v1::Metrics out;
  const grpc::CpuUsage& usage = in.cpu_stats().cpu_usage();
  out.mutable_cpu()->mutable_usage()->set_total(usage.total_usage());
  out.mutable_cpu()->mutable_usage()->set_kernel(usage.usage_in_kernelmode());
  out.mutable_cpu()->mutable_usage()->set_user(usage.usage_in_usermode());
  for (uint64_t value : usage.percpu_usage()) out.mutable_cpu()->mutable_usage()->add_per_cpu(value);
  const grpc::ThrottlingData& throttling = in.cpu_stats().throttling_data();
  out.mutable_cpu()->mutable_throttling()->set_periods(throttling.periods());
  out.mutable_cpu()->mutable_throttling()->set_throttled_periods(throttling.throttled_periods());
  out.mutable_cpu()->mutable_throttling()->set_throttled_time(throttling.throttled_time());
  out.mutable_pids()->set_current(in.pids_stats().current());
  out.mutable_pids()->set_limit(in.pids_stats().limit());
  ConvertMemory(in.memory_stats(), out.mutable_memory());
  const grpc::BlkioStats& blkio = in.blkio_stats();
  AddBlkio(blkio.io_service_bytes_recursive(), out.mutable_blkio()->mutable_io_service_bytes_recursive());
  AddBlkio(blkio.io_serviced_recursive(), out.mutable_blkio()->mutable_io_serviced_recursive());
  for (const auto& [size, huge] : in.hugetlb_stats()) {
    v1::HugetlbStat* to = out.add_hugetlb();
    to->set_pagesize(size);
    to->set_usage(huge.usage());
    to->set_max(huge.max_usage());
    to->set_failcnt(huge.failcnt());
  }
  AddNetworks(from, &out);
  return out;
}

void ConvertMemory(const grpc::MemoryStats& from, v2::MemoryStat* to) {
  to->set_anon(from.stats().contains("anon") ? Find(from, "anon") : Find(from, "rss"));
  to->set_file(from.stats().contains("file") ? Find(from, "file") : from.cache());
  to->set_kernel_stack(Find(from, "kernel_stack"));
  to->set_slab(Find(from, "slab"));
  to->set_sock(Find(from, "sock"));
  to->set_shmem(Find(from, "shmem"));
  to->set_file_mapped(Find(from, "file_mapped"));
  to->set_file_dirty(Find(from, "file_dirty"));
  to->set_file_writeback(Find(from, "file_writeback"));
  to->set_inactive_anon(Find(from, "inactive_anon"));
  to->set_active_anon(Find(from, "active_anon"));
  to->set_inactive_file(Find(from, "inactive_file"));
  to->set_active_file(Find(from, "active_file"));
  to->set_unevictable(Find(from, "unevictable"));
  to->set_slab_reclaimable(Find(from, "slab_reclaimable"));
  to->set_slab_unreclaimable(Find(from, "slab_unreclaimable"));
  to->set_pgfault(Find(from, "pgfault"));
  to->set_pgmajfault(Find(from, "pgmajfault"));
  to->set_usage(from.usage().usage());
  to->set_usage_limit(from.usage().limit());
  to->set_max_usage(from.usage().max_usage());
  to->set_swap_usage(from.swap_usage().usage());
  to->set_swap_limit(from.swap_usage().limit());
}

// One entry per device; reads and writes are separate entries in the guest's form.
void ConvertIo(const grpc::BlkioStats& from, v2::IOStat* to) {
  std::map<std::pair<uint64_t, uint64_t>, v2::IOEntry> devices;
  const auto add = [&](const auto& entries, auto read, auto write) {
    for (const grpc::BlkioStatsEntry& in : entries) {
      v2::IOEntry& device = devices[{in.major(), in.minor()}];
      device.set_major(in.major());
      device.set_minor(in.minor());
      if (in.op() == "Read" || in.op() == "read") (device.*read)(in.value());
      if (in.op() == "Write" || in.op() == "write") (device.*write)(in.value());
    }
  };
  add(from.io_service_bytes_recursive(), &v2::IOEntry::set_rbytes, &v2::IOEntry::set_wbytes);
  add(from.io_serviced_recursive(), &v2::IOEntry::set_rios, &v2::IOEntry::set_wios);
  for (auto& [number, device] : devices) *to->add_usage() = std::move(device);
}

v2::Metrics ToV2(const grpc::StatsContainerResponse& from) {
  const grpc::CgroupStats& in = from.cgroup_stats();
  v2::Metrics out;
  out.mutable_pids()->set_current(in.pids_stats().current());
  out.mutable_pids()->set_limit(in.pids_stats().limit());
  const grpc::CpuUsage& usage = in.cpu_stats().cpu_usage();
  out.mutable_cpu()->set_usage_usec(usage.total_usage() / kNanosPerMicro);
  out.mutable_cpu()->set_user_usec(usage.usage_in_usermode() / kNanosPerMicro);
  out.mutable_cpu()->set_system_usec(usage.usage_in_kernelmode() / kNanosPerMicro);
  const grpc::ThrottlingData& throttling = in.cpu_stats().throttling_data();
  out.mutable_cpu()->set_nr_periods(throttling.periods());
  out.mutable_cpu()->set_nr_throttled(throttling.throttled_periods());
  out.mutable_cpu()->set_throttled_usec(throttling.throttled_time() / kNanosPerMicro);
  ConvertMemory(in.memory_stats(), out.mutable_memory());
  ConvertIo(in.blkio_stats(), out.mutable_io());
  for (const auto& [size, huge] : in.hugetlb_stats()) {
    v2::HugeTlbStat* to = out.add_hugetlb();
    to->set_pagesize(size);
    to->set_current(huge.usage());
    to->set_max(huge.max_usage());
    to->set_failcnt(huge.failcnt());
  }
  AddNetworks(from, &out);
  return out;
}

}  // namespace

CgroupMode HostCgroupMode() {
  struct statfs st;
  const bool unified = ::statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
  return unified ? CgroupMode::kV2 : CgroupMode::kV1;
}

google::protobuf::Any ConvertStats(const grpc::StatsContainerResponse& stats, CgroupMode mode) {
  google::protobuf::Any any;
  if (mode == CgroupMode::kV2) {
    any.set_type_url("io.containerd.cgroups.v2.Metrics");
    ToV2(stats).SerializeToString(any.mutable_value());
  } else {
    any.set_type_url("io.containerd.cgroups.v1.Metrics");
    ToV1(stats).SerializeToString(any.mutable_value());
  }
  return any;
}

}  // namespace cc::shim
