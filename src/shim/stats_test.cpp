// SPDX-License-Identifier: Apache-2.0
#include "shim/stats.h"

#include <gtest/gtest.h>

#include "containerd/cgroups_v1.pb.h"
#include "containerd/cgroups_v2.pb.h"

namespace cc::shim {
namespace {

grpc::StatsContainerResponse Sample() {
  grpc::StatsContainerResponse stats;
  grpc::CgroupStats* cgroup = stats.mutable_cgroup_stats();
  cgroup->mutable_cpu_stats()->mutable_cpu_usage()->set_total_usage(3000000);
  cgroup->mutable_cpu_stats()->mutable_cpu_usage()->set_usage_in_usermode(2000000);
  cgroup->mutable_pids_stats()->set_current(4);
  cgroup->mutable_memory_stats()->mutable_usage()->set_usage(4096);
  cgroup->mutable_memory_stats()->mutable_usage()->set_limit(8192);
  (*cgroup->mutable_memory_stats()->mutable_stats())["anon"] = 111;
  (*cgroup->mutable_memory_stats()->mutable_stats())["file"] = 222;
  (*cgroup->mutable_memory_stats()->mutable_stats())["inactive_file"] = 33;
  for (const char* op : {"Read", "Write"}) {
    grpc::BlkioStatsEntry* entry = cgroup->mutable_blkio_stats()->add_io_service_bytes_recursive();
    entry->set_major(8);
    entry->set_op(op);
    entry->set_value(op[0] == 'R' ? 10 : 20);
  }
  (*cgroup->mutable_hugetlb_stats())["2MB"].set_usage(5);
  grpc::NetworkStats* network = stats.add_network_stats();
  network->set_name("eth0");
  network->set_rx_bytes(77);
  return stats;
}

TEST(StatsTest, ConvertsToCgroupV1) {
  const google::protobuf::Any any = ConvertStats(Sample(), CgroupMode::kV1);
  EXPECT_EQ(any.type_url(), "io.containerd.cgroups.v1.Metrics");
  io::containerd::cgroups::v1::Metrics metrics;
  ASSERT_TRUE(metrics.ParseFromString(any.value()));
  EXPECT_EQ(metrics.cpu().usage().total(), 3000000u) << "nanoseconds";
  EXPECT_EQ(metrics.memory().usage().usage(), 4096u);
  EXPECT_EQ(metrics.memory().rss(), 111u);
  EXPECT_EQ(metrics.memory().cache(), 222u);
  EXPECT_EQ(metrics.memory().total_inactive_file(), 33u) << "kubelet's working set needs it";
  EXPECT_EQ(metrics.pids().current(), 4u);
  EXPECT_EQ(metrics.blkio().io_service_bytes_recursive_size(), 2);
  EXPECT_EQ(metrics.hugetlb(0).pagesize(), "2MB");
  EXPECT_EQ(metrics.network(0).rx_bytes(), 77u);
}

TEST(StatsTest, ConvertsToCgroupV2) {
  const google::protobuf::Any any = ConvertStats(Sample(), CgroupMode::kV2);
  EXPECT_EQ(any.type_url(), "io.containerd.cgroups.v2.Metrics");
  io::containerd::cgroups::v2::Metrics metrics;
  ASSERT_TRUE(metrics.ParseFromString(any.value()));
  EXPECT_EQ(metrics.cpu().usage_usec(), 3000u) << "microseconds";
  EXPECT_EQ(metrics.cpu().user_usec(), 2000u);
  EXPECT_EQ(metrics.memory().anon(), 111u);
  EXPECT_EQ(metrics.memory().file(), 222u);
  EXPECT_EQ(metrics.memory().usage_limit(), 8192u);
  ASSERT_EQ(metrics.io().usage_size(), 1) << "one entry per device";
  EXPECT_EQ(metrics.io().usage(0).rbytes(), 10u);
  EXPECT_EQ(metrics.io().usage(0).wbytes(), 20u);
  EXPECT_EQ(metrics.network(0).name(), "eth0");
}

TEST(StatsTest, AnEmptyAnswerIsNoError) {
  EXPECT_FALSE(ConvertStats({}, CgroupMode::kV2).type_url().empty());
}

}  // namespace
}  // namespace cc::shim
