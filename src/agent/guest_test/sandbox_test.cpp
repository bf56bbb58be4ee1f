// SPDX-License-Identifier: Apache-2.0
// The sandbox as a whole. Runs first: the others need it.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <iostream>
#include <thread>

#include "agent/guest_test/guest.h"
#include "base/file.h"

namespace cc::agent::guest_test {
namespace {

TEST(Guest, CreatesTheSandboxOnce) {
  grpc::CreateSandboxRequest in;
  in.set_hostname("pod-a");
  in.set_sandbox_id("s1");
  in.add_dns("nameserver 192.0.2.1");
  grpc::Storage* shm = in.add_storages();
  shm->set_driver("ephemeral");
  shm->set_source("shm");
  shm->set_fstype("tmpfs");
  shm->add_options("size=16m");
  shm->add_options("nosuid");
  shm->add_options("mode=1777");
  shm->set_mount_point("/run/kata-containers/sandbox/shm");
  auto created = Agent().CreateSandbox(in, kTimeout);
  ASSERT_TRUE(created.ok()) << ErrorOf(created);
  ExpectCode(Agent().CreateSandbox(in, kTimeout), absl::StatusCode::kAlreadyExists);
  char name[65] = {};
  ::gethostname(name, sizeof name);
  EXPECT_STREQ(name, "pod-a");
  EXPECT_EQ(*ReadFile("/etc/resolv.conf"), "nameserver 192.0.2.1\n");
}

TEST(Guest, AnswersHealthAndDetails) {
  auto check = Agent().Check({}, kTimeout);
  ASSERT_TRUE(check.ok()) << ErrorOf(check);
  EXPECT_EQ(check->status(), grpc::HealthCheckResponse::SERVING);
  auto details = Agent().GetGuestDetails({}, kTimeout);
  ASSERT_TRUE(details.ok()) << ErrorOf(details);
  EXPECT_TRUE(details->agent_details().init_daemon());
}

TEST(Guest, ConfiguresTheNetwork) {
  auto interfaces = Agent().ListInterfaces({}, kTimeout);
  ASSERT_TRUE(interfaces.ok()) << ErrorOf(interfaces);
  std::string mac;
  for (const auto& i : interfaces->interfaces()) {
    if (i.name() != "lo") mac = i.hwaddr();
  }
  if (mac.empty()) GTEST_SKIP() << "the guest has no network interface";
  grpc::UpdateInterfaceRequest in;
  in.mutable_interface()->set_hwaddr(mac);
  in.mutable_interface()->set_name("eth7");
  in.mutable_interface()->set_mtu(1400);
  types::IPAddress* address = in.mutable_interface()->add_ipaddresses();
  address->set_address("192.0.2.5");
  address->set_mask("24");
  auto updated = Agent().UpdateInterface(in, kTimeout);
  ASSERT_TRUE(updated.ok()) << ErrorOf(updated);
  grpc::UpdateRoutesRequest routes;
  types::Route* route = routes.mutable_routes()->add_routes();
  route->set_gateway("192.0.2.1");
  route->set_device("eth7");
  auto set = Agent().UpdateRoutes(routes, kTimeout);
  ASSERT_TRUE(set.ok()) << ErrorOf(set);
  EXPECT_NE(ReadFile("/proc/net/route")->find("eth7\t00000000\t010200C0"), std::string::npos);
  grpc::AddARPNeighborsRequest neighbors;
  types::ARPNeighbor* neighbor = neighbors.mutable_neighbors()->add_arpneighbors();
  neighbor->set_device("eth7");
  neighbor->set_lladdr("02:00:00:00:00:09");
  neighbor->mutable_toipaddress()->set_address("192.0.2.1");
  auto added = Agent().AddARPNeighbors(neighbors, kTimeout);
  EXPECT_TRUE(added.ok()) << ErrorOf(added);
  EXPECT_NE(ReadFile("/proc/net/arp")->find("02:00:00:00:00:09"), std::string::npos);
  in.mutable_interface()->set_hwaddr("02:ff:ff:ff:ff:ff");
  ExpectCode(Agent().UpdateInterface(in, kTimeout), absl::StatusCode::kNotFound);
}

TEST(Guest, LeavesNothingAfterManyContainers) {
  const auto count = [](const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "r");
    int value = -1;
    EXPECT_EQ(::fscanf(pipe, "%d", &value), 1);
    ::pclose(pipe);
    return value;
  };
  const std::string mounts = "/bbroot/bin/busybox wc -l < /proc/1/mountinfo";
  const std::string files = "/bbroot/bin/busybox ls /proc/1/fd | /bbroot/bin/busybox wc -l";
  const int mounts_before = count(mounts);
  const int files_before = count(files);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 10;
  for (int i = 0; i < kRounds; ++i) {
    Start(Request("again", {"true"}));
    EXPECT_EQ(Wait("again"), 0);
    Remove("again");
  }
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  std::cout << "[ figure   ] create, start, wait, remove: " << ms / kRounds << " ms\n";
  EXPECT_EQ(count(mounts), mounts_before);
  EXPECT_EQ(count(files), files_before);
  EXPECT_EQ(count("/bbroot/bin/busybox ps -o stat | /bbroot/bin/busybox grep -c Z || true"), 0);
}

TEST(Guest, GivesMetrics) {
  auto metrics = Agent().GetMetrics({}, kTimeout);
  ASSERT_TRUE(metrics.ok()) << ErrorOf(metrics);
  EXPECT_NE(metrics->metrics().find("kata_agent_total_rss "), std::string::npos);
  EXPECT_NE(metrics->metrics().find("kata_guest_meminfo{item=\"MemTotal\"}"), std::string::npos);
  const size_t at = metrics->metrics().find("\nkata_agent_total_rss ");
  std::cout << "[ figure   ] agent RSS in bytes: " << metrics->metrics().substr(at + 22, 8) << "\n";
}

}  // namespace
}  // namespace cc::agent::guest_test
