// SPDX-License-Identifier: Apache-2.0
// Containers: images, mounts, resources, removal.
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

TEST(GuestContainer, RunsAProcessWithTheImagesEnvironment) {
  Start(Request("echo", {"sh", "-c", "echo out $FROM_IMAGE; echo err >&2; hostname; exit 7"}));
  EXPECT_EQ(ReadAll("echo"), "out yes\npod-a\n");
  EXPECT_EQ(ReadAll("echo", "", true), "err\n");
  EXPECT_EQ(Wait("echo"), 7);
  EXPECT_EQ(Wait("echo"), 7);
  ExpectCode(Kill("echo", SIGTERM), absl::StatusCode::kNotFound);
  Remove("echo");
  ExpectCode(Kill("echo", SIGKILL), absl::StatusCode::kNotFound);
  struct stat st;
  EXPECT_NE(::stat("/run/kata-containers/echo", &st), 0);
  EXPECT_NE(::stat("/sys/fs/cgroup/kata-cc/echo", &st), 0);
}

TEST(GuestContainer, TakesTheCommandOfTheImage) {
  Start(Request("default", {}));
  EXPECT_EQ(ReadAll("default"), "from image\n");
  EXPECT_EQ(Wait("default"), 0);
  Remove("default");
}

TEST(GuestContainer, ReportsAnUnknownCommandAtCreation) {
  auto created = Agent().CreateContainer(Request("bad", {"/no/such/program"}), kTimeout);
  if (created.ok()) {
    auto started = Agent().StartContainer(Named<grpc::StartContainerRequest>("bad"), kTimeout);
    EXPECT_FALSE(started.ok());
    EXPECT_NE(ErrorOf(started).find("/no/such/program"), std::string::npos) << ErrorOf(started);
    Remove("bad");
  } else {
    EXPECT_NE(ErrorOf(created).find("/no/such/program"), std::string::npos) << ErrorOf(created);
  }
}

TEST(GuestContainer, PassesPullErrorsOnAndForgetsTheContainer) {
  auto request = Request("nopull", {"true"});
  request.mutable_storages(0)->set_source("example.org/missing");
  for (int i = 0; i < 2; ++i) {
    auto created = Agent().CreateContainer(request, kTimeout);
    ExpectCode(created, absl::StatusCode::kNotFound);
    EXPECT_NE(ErrorOf(created).find("no such image"), std::string::npos);
  }
}

TEST(GuestContainer, GivesUpACreationThatIsRemoved) {
  auto request = Request("slow", {"true"});
  request.mutable_storages(0)->set_source("example.org/slow");
  auto creation = std::async(std::launch::async, [&] { return Agent().CreateContainer(request, kTimeout); });
  const auto start = [] {
    return Agent().StartContainer(Named<grpc::StartContainerRequest>("slow"), kTimeout);
  };
  while (absl::IsNotFound(start().status())) std::this_thread::yield();
  ExpectCode(Agent().CreateContainer(request, kTimeout), absl::StatusCode::kAlreadyExists);
  ExpectCode(Agent().StartContainer(Named<grpc::StartContainerRequest>("slow"), kTimeout),
             absl::StatusCode::kFailedPrecondition);
  Remove("slow");
  ExpectCode(creation.get(), absl::StatusCode::kCancelled);
}

TEST(GuestContainer, PausesResumesAndCounts) {
  Start(Request("busy", {"sh", "-c", "while true; do :; done"}));
  const auto usage = [] {
    auto stats = Agent().StatsContainer(Named<grpc::StatsContainerRequest>("busy"), kTimeout);
    EXPECT_TRUE(stats.ok()) << ErrorOf(stats);
    EXPECT_GT(stats->cgroup_stats().memory_stats().usage().usage(), 0U);
    EXPECT_GE(stats->cgroup_stats().pids_stats().current(), 1U);
    return stats->cgroup_stats().cpu_stats().cpu_usage().total_usage();
  };
  ASSERT_TRUE(Agent().PauseContainer(Named<grpc::PauseContainerRequest>("busy")).ok());
  const uint64_t paused = usage();
  EXPECT_EQ(usage(), paused);
  ASSERT_TRUE(Agent().ResumeContainer(Named<grpc::ResumeContainerRequest>("busy")).ok());
  while (usage() == paused) std::this_thread::yield();
  ASSERT_TRUE(Agent().PauseContainer(Named<grpc::PauseContainerRequest>("busy")).ok());
  auto update = Named<grpc::UpdateContainerRequest>("busy");
  update.mutable_resources()->mutable_memory()->set_limit(64 << 20);
  auto updated = Agent().UpdateContainer(update, kTimeout);
  EXPECT_TRUE(updated.ok()) << ErrorOf(updated);
  EXPECT_EQ(*ReadFile("/sys/fs/cgroup/kata-cc/busy/memory.max"), "67108864\n");
  EXPECT_TRUE(Kill("busy", SIGKILL).ok());
  EXPECT_EQ(Wait("busy"), 137);
  Remove("busy");
}

TEST(GuestContainer, TellsOfAnOutOfMemoryKill) {
  auto request = Request("oom", {"tail", "/dev/zero"});
  request.mutable_oci()->mutable_linux()->mutable_resources()->mutable_memory()->set_limit(16 << 20);
  Start(request);
  auto event = Agent().GetOOMEvent({}, kTimeout);
  ASSERT_TRUE(event.ok()) << ErrorOf(event);
  EXPECT_EQ(event->container_id(), "oom");
  EXPECT_EQ(Wait("oom"), 137);
  Remove("oom");
}

TEST(GuestContainer, MountsCopiedFilesAndSharedMemory) {
  grpc::CopyFileRequest file;
  file.set_path("/run/kata-containers/shared/containers/vol-1-conf/data");
  file.set_data("copied\n");
  file.set_file_size(7);
  file.set_file_mode(0100644);
  file.set_dir_mode(0755);
  auto copied = Agent().CopyFile(file);
  ASSERT_TRUE(copied.ok()) << ErrorOf(copied);
  auto request = Request(
      "vol",
      {"sh", "-c",
       "cat /conf/data /etc/one; touch /conf/x || echo read-only; df /dev/shm | tail -1 | awk '{print $2}'"});
  const auto bind = [&](const std::string& source, const std::string& destination, const char* mode) {
    grpc::Mount* mount = request.mutable_oci()->add_mounts();
    mount->set_source(source);
    mount->set_destination(destination);
    mount->set_type("bind");
    mount->add_options("rbind");
    mount->add_options(mode);
  };
  bind("/run/kata-containers/shared/containers/vol-1-conf", "/conf", "ro");
  bind("/run/kata-containers/shared/containers/vol-1-conf/data", "/etc/one", "ro");
  bind("/run/kata-containers/sandbox/shm", "/dev/shm", "rw");
  Start(request);
  EXPECT_EQ(ReadAll("vol"), "copied\ncopied\nread-only\n16384\n");
  EXPECT_EQ(Wait("vol"), 0);
  Remove("vol");
  EXPECT_EQ(*ReadFile("/run/kata-containers/shared/containers/vol-1-conf/data"), "copied\n");
}

TEST(GuestContainer, SeesUpdatesOfCopiesThatGoWithIt) {
  const std::string copy = "/run/kata-containers/shared/containers/fresh-0123456789abcdef-0-";
  const auto put = [&](const std::string& name, const std::string& data, uint32_t mode) {
    grpc::CopyFileRequest file;
    file.set_path(copy + name);
    file.set_data(data);
    file.set_file_size(static_cast<int64_t>(data.size()));
    file.set_file_mode(mode);
    file.set_dir_mode(0755);
    const auto copied = Agent().CopyFile(file);
    ASSERT_TRUE(copied.ok()) << ErrorOf(copied);
  };
  put("hosts", "old", 0100644);
  put("v/..2026_01_01_00_00_00.1/key", "old", 0100644);
  put("v/..data", "..2026_01_01_00_00_00.1", 0120777);
  put("v/key", "..data/key", 0120777);
  auto request = Request("fresh", {"sh", "-c",
                                   "until grep -q new /etc/hosts && grep -q new /v/key; do sleep 0.1; done; "
                                   "ls -A /v; cat /etc/hosts"});
  for (const auto& [name, destination] : {std::pair("hosts", "/etc/hosts"), std::pair("v", "/v")}) {
    grpc::Mount* mount = request.mutable_oci()->add_mounts();
    mount->set_source(copy + name);
    mount->set_destination(destination);
    mount->set_type("bind");
    mount->add_options("rbind");
    mount->add_options("ro");
  }
  Start(request);
  put("v/..2026_01_01_00_00_01.2/key", "new", 0100644);
  put("v/..data", "..2026_01_01_00_00_01.2", 0120777);
  put("hosts", "new\n", 0100644);
  EXPECT_EQ(ReadAll("fresh"), "..2026_01_01_00_00_01.2\n..data\nkey\nnew\n");
  EXPECT_EQ(Wait("fresh"), 0);
  Remove("fresh");
  EXPECT_FALSE(ReadFile(copy + "hosts").ok());
  EXPECT_FALSE(ReadFile(copy + "v/key").ok());
}

TEST(GuestContainer, RefusesALinkAsMountSource) {
  grpc::CopyFileRequest link;
  link.set_path("/run/kata-containers/shared/containers/evil");
  link.set_data("/etc");
  link.set_file_mode(0120777);
  ASSERT_TRUE(Agent().CopyFile(link).ok());
  auto request = Request("link", {"true"});
  grpc::Mount* mount = request.mutable_oci()->add_mounts();
  mount->set_source("/run/kata-containers/shared/containers/evil");
  mount->set_destination("/x");
  mount->set_type("bind");
  ExpectCode(Agent().CreateContainer(request, kTimeout), absl::StatusCode::kPermissionDenied);
}

TEST(GuestContainer, JoinsThePidNamespaceOfThePauseContainer) {
  auto pause = Request("infra", {});
  pause.mutable_storages(0)->set_source("pause");
  Start(pause);
  auto joined = Request("joined", {"ps", "-o", "args"});
  joined.set_sandbox_pidns(true);
  Start(joined);
  EXPECT_NE(ReadAll("joined").find("/pause"), std::string::npos);
  EXPECT_EQ(Wait("joined"), 0);
  Start(Request("apart", {"ps", "-o", "args"}));
  EXPECT_EQ(ReadAll("apart").find("/pause"), std::string::npos);
  Remove("apart");
  // The end of its init ends the others of a container that has no PID namespace of its own.
  joined = Request("leader", {"sh", "-c", "sleep 1000 & exec sleep 1000"});
  joined.set_sandbox_pidns(true);
  Start(joined);
  EXPECT_TRUE(Kill("leader", SIGTERM).ok());
  EXPECT_EQ(Wait("leader"), 137);
  EXPECT_EQ(ReadAll("leader"), "");
  for (const char* id : {"leader", "joined", "infra"}) Remove(id);
}

TEST(GuestContainer, RunsAsTheUserOfTheRequest) {
  auto request = Request("user", {"id", "-u"});
  request.mutable_oci()->mutable_process()->mutable_user()->set_uid(1234);
  Start(request);
  EXPECT_EQ(ReadAll("user"), "1234\n");
  Remove("user");
}

TEST(GuestContainer, GivesTheTerminationMessage) {
  grpc::CopyFileRequest file;
  file.set_path("/run/kata-containers/shared/containers/t-log");
  file.set_file_mode(0100666);
  ASSERT_TRUE(Agent().CopyFile(file).ok());
  auto request = Request("term", {"sh", "-c", "echo the reason > /dev/termination-log"});
  grpc::Mount* mount = request.mutable_oci()->add_mounts();
  mount->set_source(file.path());
  mount->set_destination("/dev/termination-log");
  mount->set_type("bind");
  (*request.mutable_oci()->mutable_annotations())["io.kubernetes.container.terminationMessagePath"] =
      "/dev/termination-log";
  Start(request);
  EXPECT_EQ(Wait("term"), 0);
  auto in = Named<grpc::GetDiagnosticDataRequest>("term");
  in.set_log_type("termination_log");
  auto data = Agent().GetDiagnosticData(in);
  ASSERT_TRUE(data.ok()) << ErrorOf(data);
  EXPECT_EQ(data->data(), "the reason\n");
  Remove("term");
}

TEST(GuestContainer, RunsThePauseContainer) {
  auto pause = Request("pause", {"/host-pause"});
  pause.mutable_storages(0)->set_source("pause");
  (*pause.mutable_oci()->mutable_annotations())["io.kubernetes.cri.container-type"] = "sandbox";
  (*pause.mutable_oci()->mutable_linux()->mutable_sysctl())["net.ipv4.ip_unprivileged_port_start"] = "0";
  Start(pause);
  EXPECT_EQ(*ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"), "0\n");
  // Until it has set its handler up, SIGTERM would be turned into SIGKILL.
  const std::string pid = *ReadFile("/sys/fs/cgroup/kata-cc/pause/cgroup.procs");
  const std::string status = StrCat("/proc/", StrTrim(pid), "/status");
  while (ReadFile(status)->find("SigCgt:\t0000000000004002") == std::string::npos) std::this_thread::yield();
  EXPECT_TRUE(Kill("pause", SIGTERM).ok());
  EXPECT_EQ(Wait("pause"), 0);
  Remove("pause");
}

}  // namespace
}  // namespace cc::agent::guest_test
