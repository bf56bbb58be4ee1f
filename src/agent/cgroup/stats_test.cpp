// SPDX-License-Identifier: Apache-2.0
#include "agent/cgroup/stats.h"

#include <limits>

#include "agent/cgroup/oom_watch.h"
#include "base/file.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

TEST(Stats, ReadsCpu) {
  grpc::CpuStats out;
  ParseCpuStat("usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1\n",
               &out);
  EXPECT_EQ(out.cpu_usage().total_usage(), 12000U);
  EXPECT_EQ(out.cpu_usage().usage_in_usermode(), 7000U);
  EXPECT_EQ(out.cpu_usage().usage_in_kernelmode(), 5000U);
  EXPECT_EQ(out.throttling_data().throttled_periods(), 2U);
  EXPECT_EQ(out.throttling_data().throttled_time(), 1000U);
}

TEST(Stats, ReadsNumbers) {
  EXPECT_EQ(ParseCgroupNumber("42\n"), 42U);
  EXPECT_EQ(ParseCgroupNumber("max\n"), std::numeric_limits<uint64_t>::max());
  for (const char* bad : {"", "-1", "x", "1 2", "99999999999999999999999"})
    EXPECT_EQ(ParseCgroupNumber(bad), 0U) << bad;
}

TEST(Stats, ReadsIoAndSkipsWhatItDoesNotKnow) {
  grpc::BlkioStats out;
  ParseIoStat(
      "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\nbad\n:1 rbytes=1\n254:0 \n8:x rios=1\n9:1 "
      "rios=z\n",
      &out);
  ASSERT_EQ(out.io_service_bytes_recursive_size(), 2);
  ASSERT_EQ(out.io_serviced_recursive_size(), 2);
  EXPECT_EQ(out.io_service_bytes_recursive(1).major(), 8U);
  EXPECT_EQ(out.io_service_bytes_recursive(1).minor(), 16U);
  EXPECT_EQ(out.io_service_bytes_recursive(1).op(), "write");
  EXPECT_EQ(out.io_service_bytes_recursive(1).value(), 2U);
  EXPECT_EQ(out.io_serviced_recursive(0).value(), 3U);
}

TEST(Stats, ReadsMemory) {
  grpc::MemoryStats out;
  ParseMemoryStat("anon 5\nfile 7\nbroken\nfile_mapped x\n", &out);
  EXPECT_EQ(out.cache(), 7U);
  EXPECT_EQ(out.stats().size(), 2U);
  EXPECT_EQ(out.stats().at("anon"), 5U);
}

TEST(Stats, ReadsInterfacesButLoopback) {
  grpc::StatsContainerResponse out;
  ParseNetDev(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
      "colls carrier compressed\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     "
      "0       0          0\n"
      "  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  bad0: 1 2 3\n  bad1: a b c d e f g h i j k l m\n",
      &out);
  ASSERT_EQ(out.network_stats_size(), 1);
  EXPECT_EQ(out.network_stats(0).name(), "eth0");
  EXPECT_EQ(out.network_stats(0).rx_dropped(), 4U);
  EXPECT_EQ(out.network_stats(0).tx_bytes(), 9U);
  EXPECT_EQ(out.network_stats(0).tx_dropped(), 12U);
}

TEST(Stats, LeavesMissingControllersOut) {
  auto dir = TempDir::Create("/tmp/cc-cgroup-");
  ASSERT_TRUE(dir.ok());
  grpc::CgroupStats out;
  EXPECT_EQ(ReadCgroupStats(Cgroup(dir->path()), &out).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/cpu.stat", "usage_usec 1\n").ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/memory.current", "4096\n").ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/memory.max", "max\n").ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/pids.current", "3\n").ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/pids.max", "max\n").ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/hugetlb.2MB.current", "2097152\n").ok());
  ASSERT_TRUE(ReadCgroupStats(Cgroup(dir->path()), &out).ok());
  EXPECT_EQ(out.memory_stats().usage().usage(), 4096U);
  EXPECT_EQ(out.memory_stats().usage().limit(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(out.pids_stats().limit(), 0U);
  EXPECT_FALSE(out.has_blkio_stats());
  EXPECT_EQ(out.hugetlb_stats().at("2MB").usage(), 2097152U);
}

TEST(FlatKeyedValue, FindsWholeKeysOnly) {
  const char* text = "low 0\noom 3\noom_kill 2\noom_group_kill 9\n";
  EXPECT_EQ(FlatKeyedValue(text, "oom_kill"), 2U);
  EXPECT_EQ(FlatKeyedValue(text, "oom"), 3U);
  EXPECT_EQ(FlatKeyedValue(text, "kill"), 0U);
  EXPECT_EQ(FlatKeyedValue("oom_kill -1\n", "oom_kill"), 0U);
}

}  // namespace
}  // namespace cc::agent
