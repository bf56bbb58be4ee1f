// SPDX-License-Identifier: Apache-2.0
// The agent as a whole, inside a guest: this program is started in the place of the data hub, answers pulls
// with a root made of /bbroot (busybox), talks to the agent by vsock loopback and powers the guest off at the
// end. packaging of such a guest: src/agent/guest_test.sh.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "agent_proto/agent_client.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "coco/cdh.pb.h"
#include "ttrpc/server.h"

namespace cc::agent {
namespace {

using agent_proto::AgentClient;
using std::chrono::seconds;

constexpr uint32_t kLoopbackCid = 1;
constexpr seconds kTimeout{60};

AgentClient& Agent() {
  static AgentClient client(*ConnectVsock(kLoopbackCid, agent_proto::kAgentPort));
  return client;
}

template <typename Value>
std::string ErrorOf(const absl::StatusOr<Value>& result) {
  return result.ok() ? "" : result.status().ToString();
}

template <typename Value>
void ExpectCode(const absl::StatusOr<Value>& result, absl::StatusCode code) {
  EXPECT_EQ(result.status().code(), code) << ErrorOf(result);
}

// A request for a container that runs `args` in the busybox image.
grpc::CreateContainerRequest Request(const std::string& id, const std::vector<std::string>& args) {
  grpc::CreateContainerRequest in;
  in.set_container_id(id);
  in.set_exec_id(id);
  grpc::Storage* storage = in.add_storages();
  storage->set_driver("image_guest_pull");
  storage->set_source("example.org/busybox:latest");
  storage->set_fstype("overlay");
  storage->set_mount_point(StrCat("/run/kata-containers/", id, "/rootfs"));
  grpc::Spec* spec = in.mutable_oci();
  for (const std::string& arg : args) spec->mutable_process()->add_args(arg);
  spec->mutable_process()->set_cwd("/");
  const std::vector<std::array<std::string, 3>> mounts = {
      {"/proc", "proc", "proc"},        {"/dev", "tmpfs", "tmpfs"},
      {"/dev/pts", "devpts", "devpts"}, {"/dev/mqueue", "mqueue", "mqueue"},
      {"/sys", "sysfs", "sysfs"},       {"/sys/fs/cgroup", "cgroup", "cgroup"}};
  for (const auto& [destination, type, source] : mounts) {
    grpc::Mount* mount = spec->add_mounts();
    mount->set_destination(destination);
    mount->set_type(type);
    mount->set_source(source);
    if (type == "sysfs" || type == "cgroup") mount->add_options("ro");
  }
  for (const char* type : {"pid", "ipc", "uts", "mount", "network"}) {
    spec->mutable_linux()->add_namespaces()->set_type(type);
  }
  spec->mutable_linux()->set_cgroupspath("/anything");
  return in;
}

template <typename Message>
Message Named(const std::string& id, const std::string& exec_id = {}) {
  Message message;
  message.set_container_id(id);
  if constexpr (requires { message.set_exec_id(exec_id); }) message.set_exec_id(exec_id);
  return message;
}

std::string ReadAll(const std::string& id, const std::string& exec_id = {}, bool err = false,
                    int* reads = nullptr) {
  std::string out;
  while (true) {
    auto in = Named<grpc::ReadStreamRequest>(id, exec_id);
    in.set_len(1 << 20);
    auto got = err ? Agent().ReadStderr(in) : Agent().ReadStdout(in);
    EXPECT_TRUE(got.ok()) << ErrorOf(got);
    if (!got.ok() || got->data().empty()) return out;
    out += got->data();
    if (reads != nullptr) ++*reads;
  }
}

int Wait(const std::string& id, const std::string& exec_id = {}) {
  auto got = Agent().WaitProcess(Named<grpc::WaitProcessRequest>(id, exec_id), kTimeout);
  EXPECT_TRUE(got.ok()) << ErrorOf(got);
  return got.ok() ? got->status() : -1;
}

void Start(const grpc::CreateContainerRequest& request) {
  auto created = Agent().CreateContainer(request, kTimeout);
  ASSERT_TRUE(created.ok()) << ErrorOf(created);
  auto started = Agent().StartContainer(Named<grpc::StartContainerRequest>(request.container_id()), kTimeout);
  ASSERT_TRUE(started.ok()) << ErrorOf(started);
}

void Remove(const std::string& id) {
  auto removed = Agent().RemoveContainer(Named<grpc::RemoveContainerRequest>(id), kTimeout);
  EXPECT_TRUE(removed.ok()) << ErrorOf(removed);
}

auto Kill(const std::string& id, int signal, const std::string& exec_id = {}) {
  auto in = Named<grpc::SignalProcessRequest>(id, exec_id);
  in.set_signal(static_cast<uint32_t>(signal));
  return Agent().SignalProcess(in, kTimeout);
}

grpc::ExecProcessRequest Exec(const std::string& id, const std::string& exec_id,
                              const std::vector<std::string>& args) {
  auto in = Named<grpc::ExecProcessRequest>(id, exec_id);
  for (const std::string& arg : args) in.mutable_process()->add_args(arg);
  return in;
}

absl::StatusOr<grpc::WriteStreamResponse> Write(const std::string& id, const std::string& data,
                                                const std::string& exec_id = {}) {
  auto in = Named<grpc::WriteStreamRequest>(id, exec_id);
  in.set_data(data);
  return Agent().WriteStdin(in, kTimeout);
}

TEST(Guest, AnswersHealthAndDetails) {
  auto check = Agent().Check({}, kTimeout);
  ASSERT_TRUE(check.ok()) << ErrorOf(check);
  EXPECT_EQ(check->status(), grpc::HealthCheckResponse::SERVING);
  auto details = Agent().GetGuestDetails({}, kTimeout);
  ASSERT_TRUE(details.ok()) << ErrorOf(details);
  EXPECT_TRUE(details->agent_details().init_daemon());
}

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

TEST(Guest, RunsAProcessWithTheImagesEnvironment) {
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

TEST(Guest, TakesTheCommandOfTheImage) {
  Start(Request("default", {}));
  EXPECT_EQ(ReadAll("default"), "from image\n");
  EXPECT_EQ(Wait("default"), 0);
  Remove("default");
}

TEST(Guest, ReportsAnUnknownCommandAtCreation) {
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

TEST(Guest, PassesPullErrorsOnAndForgetsTheContainer) {
  auto request = Request("nopull", {"true"});
  request.mutable_storages(0)->set_source("example.org/missing");
  for (int i = 0; i < 2; ++i) {
    auto created = Agent().CreateContainer(request, kTimeout);
    ExpectCode(created, absl::StatusCode::kNotFound);
    EXPECT_NE(ErrorOf(created).find("no such image"), std::string::npos);
  }
}

TEST(Guest, GivesUpACreationThatIsRemoved) {
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

TEST(Guest, TerminatesAnInitWithoutHandler) {
  Start(Request("sleeper", {"sleep", "1000"}));
  EXPECT_TRUE(Kill("sleeper", SIGTERM).ok());
  EXPECT_EQ(Wait("sleeper"), 137);
  Remove("sleeper");
}

TEST(Guest, LeavesAHandledTermToTheProcess) {
  Start(Request("trap", {"sh", "-c", "trap 'exit 3' TERM; echo ready; while true; do sleep 0.05; done"}));
  auto in = Named<grpc::ReadStreamRequest>("trap");
  in.set_len(64);
  EXPECT_EQ(Agent().ReadStdout(in)->data(), "ready\n");
  EXPECT_TRUE(Kill("trap", SIGTERM).ok());
  EXPECT_EQ(Wait("trap"), 3);
  Remove("trap");
}

TEST(Guest, EndsStdinWithEndOfFile) {
  Start(Request("cat", {"cat"}));
  EXPECT_TRUE(Write("cat", "hello ").ok());
  EXPECT_TRUE(Write("cat", "world").ok());
  EXPECT_TRUE(Write("cat", "").ok());
  EXPECT_EQ(ReadAll("cat"), "hello world");
  EXPECT_EQ(Wait("cat"), 0);
  ExpectCode(Write("cat", "late"), absl::StatusCode::kFailedPrecondition);
  Remove("cat");
}

TEST(Guest, DeliversAllOfALargeOutput) {
  constexpr size_t kSize = 64 << 20;
  Start(Request("flood", {"sh", "-c", StrCat("head -c ", kSize, " /dev/zero")}));
  const auto begin = std::chrono::steady_clock::now();
  int reads = 0;
  EXPECT_EQ(ReadAll("flood", "", false, &reads).size(), kSize);
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << "[ figure   ] stdout 64 MiB by vsock loopback: " << 64 / s << " MiB/s, "
            << kSize / 1024 / static_cast<size_t>(reads) << " KiB a read\n";
  EXPECT_EQ(Wait("flood"), 0);
  Remove("flood");
}

TEST(Guest, GivesATerminal) {
  auto request = Request("tty", {"sh", "-c", "tty; read line; stty size; echo got $line"});
  request.mutable_oci()->mutable_process()->set_terminal(true);
  Start(request);
  auto size = Named<grpc::TtyWinResizeRequest>("tty");
  size.set_row(33);
  size.set_column(99);
  EXPECT_TRUE(Agent().TtyWinResize(size).ok());
  EXPECT_TRUE(Write("tty", "abc\n").ok());
  const std::string out = ReadAll("tty");
  EXPECT_NE(out.find("/dev/pts/0"), std::string::npos) << out;
  EXPECT_NE(out.find("33 99"), std::string::npos) << out;
  EXPECT_NE(out.find("got abc"), std::string::npos) << out;
  EXPECT_EQ(Wait("tty"), 0);
  Remove("tty");
}

TEST(Guest, ExecutesFurtherProcesses) {
  Start(Request("main", {"sleep", "1000"}));
  auto exec =
      Agent().ExecProcess(Exec("main", "e1", {"sh", "-c", "cat; echo $FROM_IMAGE; exit 5"}), kTimeout);
  ASSERT_TRUE(exec.ok()) << ErrorOf(exec);
  ExpectCode(Agent().ExecProcess(Exec("main", "e1", {"true"}), kTimeout), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Write("main", "in\n", "e1").ok());
  EXPECT_TRUE(Agent().CloseStdin(Named<grpc::CloseStdinRequest>("main", "e1")).ok());
  EXPECT_EQ(ReadAll("main", "e1"), "in\nyes\n");
  EXPECT_EQ(Wait("main", "e1"), 5);
  auto missing = Agent().ExecProcess(Exec("main", "e2", {"/no/such"}), kTimeout);
  EXPECT_FALSE(missing.ok());
  EXPECT_NE(ErrorOf(missing).find("/no/such"), std::string::npos) << ErrorOf(missing);
  ExpectCode(Agent().WaitProcess(Named<grpc::WaitProcessRequest>("main", "e2")), absl::StatusCode::kNotFound);

  auto sleeper = Exec("main", "e3", {"sleep", "1000"});
  sleeper.mutable_process()->set_terminal(true);
  ASSERT_TRUE(Agent().ExecProcess(sleeper, kTimeout).ok());
  EXPECT_TRUE(Kill("main", SIGKILL, "e3").ok());
  EXPECT_EQ(Wait("main", "e3"), 137);
  EXPECT_EQ(ReadAll("main", "e3"), "");

  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 10;
  for (int i = 0; i < kRounds; ++i) {
    const std::string id = StrCat("t", i);
    ASSERT_TRUE(Agent().ExecProcess(Exec("main", id, {"true"}), kTimeout).ok());
    EXPECT_EQ(Wait("main", id), 0);
  }
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  std::cout << "[ figure   ] exec of true: " << ms / kRounds << " ms\n";

  ASSERT_TRUE(Agent().ExecProcess(Exec("main", "left", {"sleep", "1000"}), kTimeout).ok());
  EXPECT_TRUE(Kill("main", SIGKILL).ok());
  EXPECT_EQ(Wait("main"), 137);
  EXPECT_EQ(Wait("main", "left"), 137);
  ExpectCode(Agent().ExecProcess(Exec("main", "e9", {"true"}), kTimeout),
             absl::StatusCode::kFailedPrecondition);
  Remove("main");
}

TEST(Guest, PausesResumesAndCounts) {
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

TEST(Guest, TellsOfAnOutOfMemoryKill) {
  auto request = Request("oom", {"tail", "/dev/zero"});
  request.mutable_oci()->mutable_linux()->mutable_resources()->mutable_memory()->set_limit(16 << 20);
  Start(request);
  auto event = Agent().GetOOMEvent({}, kTimeout);
  ASSERT_TRUE(event.ok()) << ErrorOf(event);
  EXPECT_EQ(event->container_id(), "oom");
  EXPECT_EQ(Wait("oom"), 137);
  Remove("oom");
}

TEST(Guest, MountsCopiedFilesAndSharedMemory) {
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

TEST(Guest, RefusesALinkAsMountSource) {
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

TEST(Guest, RunsThePauseContainerAndSharesItsPidNamespace) {
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

// The data hub's pull: /bbroot becomes the root file system.
absl::Status Pull(const ttrpc::CallContext& call, const api::ImagePullRequest& in, api::ImagePullResponse&) {
  if (in.image_url() == "example.org/missing") return absl::NotFoundError("no such image");
  if (in.image_url() == "example.org/slow") {
    auto cancelled = std::make_shared<std::promise<void>>();
    call.OnCancel([cancelled] { cancelled->set_value(); });
    cancelled->get_future().wait();
    return absl::CancelledError("given up");
  }
  const std::string root = in.bundle_path() + "/rootfs";
  const std::string work = in.bundle_path() + "/layers";
  if (::mkdir(root.c_str(), 0755) != 0 || ::mkdir(work.c_str(), 0755) != 0 ||
      ::mkdir((work + "/u").c_str(), 0755) != 0 || ::mkdir((work + "/w").c_str(), 0755) != 0 ||
      ::mount("overlay", root.c_str(), "overlay", 0,
              ("lowerdir=/bbroot,upperdir=" + work + "/u,workdir=" + work + "/w").c_str()) != 0) {
    return absl::InternalError(StrCat("mount: ", errno));
  }
  return WriteFileAtomic(
      in.bundle_path() + "/config.json",
      R"({"process":{"args":["echo","from image"],"cwd":"/","env":["PATH=/bin","FROM_IMAGE=yes"]}})");
}

}  // namespace
}  // namespace cc::agent

int main(int argc, char** argv) {
  cc::ttrpc::Server hub;
  hub.Handle<api::ImagePullRequest, api::ImagePullResponse>("api.ImagePullService", "PullImage",
                                                            cc::agent::Pull);
  auto listener = cc::ListenUnix(std::string(cc::agent_proto::kDataHubSocket));
  std::thread serving([&] { hub.Serve(listener->get()).IgnoreError(); });
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  std::cout << (result == 0 ? "GUEST TEST PASSED" : "GUEST TEST FAILED") << std::endl;
  cc::agent::Agent().DestroySandbox({}, std::chrono::seconds(30)).IgnoreError();
  serving.join();
  return result;
}
