// SPDX-License-Identifier: Apache-2.0
// Against the kernel: namespaces that the test makes, with iproute2 as the plugin, frames through the taps.
#include "pod_net/pod_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "net/link.h"
#include "pod_net/net_namespace.h"

namespace cc::pod_net {
namespace {

using ::testing::HasSubstr;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

// What the guest was told.
class Guest {
 public:
  GuestCalls calls() {
    return {.update_interface =
                [this](const types::Interface& interface) {
                  std::string text = StrCat(interface.name(), " ", interface.hwaddr(), " ", interface.mtu());
                  for (const auto& ip : interface.ipaddresses())
                    StrAppend(&text, " ", ip.address(), "/", ip.mask());
                  if (!interface.devicepath().empty()) text += " from another address";
                  return Add(text);
                },
            .update_routes =
                [this](const grpc::Routes& routes) {
                  std::string text = "routes";
                  for (const auto& route : routes.routes())
                    StrAppend(&text, " ", route.dest(), ">", route.gateway());
                  return Add(text);
                },
            .add_neighbors =
                [this](const grpc::ARPNeighbors& neighbors) {
                  return Add(StrCat("neighbours ", neighbors.arpneighbors_size()));
                }};
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(told_, {});
  }
  void Await(const std::string& text) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return std::find(told_.begin(), told_.end(), text) != told_.end(); });
  }

 private:
  absl::Status Add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    told_.push_back(text);
    changed_.notify_all();
    return absl::OkStatus();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

// Two namespaces: the pod's, named by a path, and the node's, which is the test's own.
class PodNetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) GTEST_SKIP() << "namespaces need root";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    dir_.emplace(*TempDir::Create("/tmp/cc-pod-net"));
    path_ = dir_->path() + "/pod";
    ASSERT_TRUE(WriteFileAtomic(path_, "").ok());
    Command("unshare", "--net=" + path_ + " true");
    Pod("link set lo up");
  }
  void TearDown() override {
    if (!path_.empty()) ::umount2(path_.c_str(), MNT_DETACH);
  }

  static std::string Command(const std::string& program, const std::string& arguments) {
    std::vector<std::string> argv = {program};
    for (std::string_view word : StrSplit(arguments, ' ')) argv.emplace_back(word);
    const absl::StatusOr<Output> output = cc::Run({.argv = argv});
    EXPECT_TRUE(output.ok()) << output.status();
    if (!output.ok()) return "";
    EXPECT_EQ(output->exit.Status(), 0) << program << " " << arguments << ": " << output->err;
    return output->out;
  }
  // ip and tc inside the pod's namespace.
  std::string Pod(const std::string& arguments) {
    return Command("nsenter", StrCat("--net=", path_, " ip ", arguments));
  }
  std::string PodTc(const std::string& arguments) {
    return Command("nsenter", StrCat("--net=", path_, " tc ", arguments));
  }
  // A veth between the pod (`name`) and the node (`name`n).
  void AddVeth(const std::string& name, const std::string& mac, const std::string& address) {
    Command("ip", StrCat("link add ", name, "n type veth peer name ", name, " netns ", path_));
    Command("ip", StrCat("link set ", name, "n up"));
    Pod(StrCat("link set ", name, " address ", mac, " up"));
    Pod(StrCat("addr add ", address, " dev ", name));
  }
  std::unique_ptr<PodNetwork> Attach(uint32_t spare_nics = 1) {
    const auto space = NetNamespace::Open(path_);
    EXPECT_TRUE(space.ok()) << space.status();
    auto network = PodNetwork::Attach(*space, {.spare_nics = spare_nics});
    EXPECT_TRUE(network.ok()) << network.status();
    if (!network.ok()) return nullptr;
    (*network)->SetGuest(guest_.calls());
    return std::move(*network);
  }
  // Nothing of ours is in the pod's namespace.
  void ExpectClean() {
    EXPECT_THAT(Pod("-o link"), ::testing::Not(HasSubstr("cctap")));
    EXPECT_THAT(PodTc("qdisc"), ::testing::Not(HasSubstr("ingress")));
  }

  std::optional<TempDir> dir_;
  std::string path_;
  Guest guest_;
};

// An Ethernet broadcast frame of an experimental type, behind a virtio-net header of zeros.
std::string Frame(std::string_view payload) {
  std::string frame(10, '\0');
  frame += std::string("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x0a\x88\xb5", 14);
  frame += payload;
  return frame;
}

// Reads frames until one holds `payload`.
bool Receives(int tap, std::string_view payload) {
  std::array<char, 4096> buffer;
  while (true) {
    pollfd polled{.fd = tap, .events = POLLIN, .revents = 0};
    if (::poll(&polled, 1, 10000) <= 0) return false;
    const ssize_t n = ::read(tap, buffer.data(), buffer.size());
    if (n > 0 &&
        std::string_view(buffer.data(), static_cast<size_t>(n)).find(payload) != std::string_view::npos)
      return true;
  }
}

TEST_F(PodNetworkTest, TellsTheGuestWhatThePluginMade) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  Pod("link set eth0 mtu 1400");
  Pod("-6 addr add 2001:db8::5/64 dev eth0 nodad");
  Pod("route add default via 10.22.0.1");
  Pod("neigh add 10.22.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent");
  const auto network = Attach();
  const auto nics = network->nics();
  ASSERT_EQ(nics.size(), 1U);
  EXPECT_GE(nics[0].tap_fd, 0);
  EXPECT_EQ(net::FormatMac(nics[0].mac.data()), "02:00:00:00:00:0a");
  EXPECT_EQ(nics[0].mtu, 1400U);
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(), ::testing::ElementsAre("eth0 02:00:00:00:00:0a 1400 10.22.0.5/16 2001:db8::5/64",
                                                    "routes >10.22.0.1", "neighbours 1"));
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(), ::testing::IsEmpty()) << "nothing changed";
}

TEST_F(PodNetworkTest, FramesPassInBothDirections) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  const auto network = Attach();
  // On the node's side a tap of a second network stands for the node's network: both ends of the veth are
  // wired.
  const std::string other = dir_->path() + "/node";
  ASSERT_TRUE(WriteFileAtomic(other, "").ok());
  Command("unshare", "--net=" + other + " true");
  Command("ip", "link set eth0n netns " + other);
  Command("nsenter", "--net=" + other + " ip link set eth0n up");
  const auto space = NetNamespace::Open(other);
  ASSERT_TRUE(space.ok());
  const auto node = PodNetwork::Attach(*space, {});
  ASSERT_TRUE(node.ok()) << node.status();
  const int guest = network->nics()[0].tap_fd;
  const int peer = (*node)->nics()[0].tap_fd;
  for (const std::string& payload : {std::string("hello"), std::string(1400, 'x'), std::string("y")}) {
    ASSERT_TRUE(WriteFull(guest, Frame(payload)).ok());
    EXPECT_TRUE(Receives(peer, payload)) << payload.size();
    ASSERT_TRUE(WriteFull(peer, Frame(payload)).ok());
    EXPECT_TRUE(Receives(guest, payload)) << payload.size();
  }
  ::umount2(other.c_str(), MNT_DETACH);
}

TEST_F(PodNetworkTest, DetachLeavesNothing) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  AddVeth("net1", "02:00:00:00:00:0b", "10.23.0.5/16");
  const auto network = Attach();
  EXPECT_EQ(network->nics().size(), 2U);
  EXPECT_THAT(Pod("-o link"), HasSubstr("cctap1"));
  EXPECT_THAT(PodTc("qdisc"), HasSubstr("ingress"));
  network->Detach();
  ExpectClean();
  network->Detach();
}

TEST_F(PodNetworkTest, WhatAKilledShimLeftIsRemovedByThePathAndIdentity) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  const std::string identity = NetNamespace::Open(path_)->identity();
  // A process of its own that dies with the taps open.
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto space = NetNamespace::Open(path_);
    auto network = PodNetwork::Attach(*space, {});
    ::_exit(network.ok() ? (network->release(), 0) : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_EQ(status, 0);
  EXPECT_THAT(PodTc("qdisc"), HasSubstr("ingress"));
  EXPECT_TRUE(CleanNamespace(path_, "another").ok());
  EXPECT_THAT(PodTc("qdisc"), HasSubstr("ingress")) << "another namespace of the same path is not touched";
  ASSERT_TRUE(CleanNamespace(path_, identity).ok());
  ExpectClean();
  EXPECT_TRUE(CleanNamespace(path_, identity).ok());
  EXPECT_TRUE(CleanNamespace("/no/such/path", identity).ok());
}

TEST_F(PodNetworkTest, ASecondVmOnTheSameInterfaceIsRefusedAndHarmsNothing) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  const auto first = Attach();
  const auto space = NetNamespace::Open(path_);
  const auto second = PodNetwork::Attach(*space, {});
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_THAT(PodTc("filter show dev eth0 ingress"), HasSubstr("cctap0"));
}

TEST_F(PodNetworkTest, AForeignQdiscAndItsFiltersStay) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  PodTc("qdisc add dev eth0 clsact");
  PodTc("filter add dev eth0 ingress protocol all prio 7 u32 match u32 0 0 flowid 1:1");
  {
    const auto network = Attach();
    EXPECT_THAT(PodTc("filter show dev eth0 ingress"), HasSubstr("mirred"));
  }
  EXPECT_THAT(PodTc("qdisc show dev eth0"), HasSubstr("clsact"));
  EXPECT_THAT(PodTc("filter show dev eth0 ingress"), HasSubstr("pref 7"));
  EXPECT_THAT(PodTc("filter show dev eth0 ingress"), ::testing::Not(HasSubstr("mirred")));
}

TEST_F(PodNetworkTest, AnInterfaceThatComesLaterTakesTheSpareNic) {
  const auto network = Attach();
  const auto nics = network->nics();
  ASSERT_EQ(nics.size(), 1U);
  EXPECT_EQ(nics[0].mac[0] & 3, 2) << "locally administered, unicast";
  EXPECT_EQ(nics[0].mtu, 0U);
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(), ::testing::IsEmpty());
  ASSERT_TRUE(network->Watch().ok());
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  Pod("route add default via 10.22.0.1");
  guest_.Await("routes >10.22.0.1");
  EXPECT_THAT(PodTc("filter show dev eth0 ingress"), HasSubstr("cctap0"));
  network->Detach();
  ExpectClean();
}

TEST_F(PodNetworkTest, TheSpareNicGetsTheInterfacesAddressOnce) {
  const auto network = Attach();
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(),
              ::testing::ElementsAre("eth0 02:00:00:00:00:0a 1500 10.22.0.5/16 from another address"));
  Pod("addr add 10.22.0.6/16 dev eth0");
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(), ::testing::ElementsAre("eth0 02:00:00:00:00:0a 1500 10.22.0.5/16 10.22.0.6/16"));
}

TEST_F(PodNetworkTest, MoreInterfacesThanNicsIsAClearError) {
  const auto network = Attach(1);
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  AddVeth("net1", "02:00:00:00:00:0b", "10.23.0.5/16");
  const absl::Status status = network->Sync();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("network.spare_nics"));
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("net1"));
}

TEST_F(PodNetworkTest, ARenamedInterfaceKeepsItsNic) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.1.0.2/24");
  const auto network = Attach();
  ASSERT_TRUE(network->Sync().ok());
  guest_.Take();
  Pod("link set eth0 down");
  Pod("link set eth0 name net1");
  Pod("link set net1 up");
  const absl::Status status = network->Sync();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(guest_.Take(), ::testing::Contains("net1 02:00:00:00:00:0a 1500 10.1.0.2/24"));
}

TEST_F(PodNetworkTest, AnInterfaceThatWentCanComeBack) {
  const auto network = Attach();
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  ASSERT_TRUE(network->Sync().ok());
  guest_.Take();
  Pod("link del eth0");
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(), ::testing::ElementsAre("eth0 02:00:00:00:00:0a 0"));
  AddVeth("net1", "02:00:00:00:00:0b", "10.23.0.5/16");
  ASSERT_TRUE(network->Sync().ok());
  EXPECT_THAT(guest_.Take(),
              ::testing::ElementsAre("net1 02:00:00:00:00:0b 1500 10.23.0.5/16 from another address"));
}

TEST_F(PodNetworkTest, TheNamespaceMayGoFirst) {
  AddVeth("eth0", "02:00:00:00:00:0a", "10.22.0.5/16");
  const std::string identity = NetNamespace::Open(path_)->identity();
  const auto network = Attach();
  Command("ip", "link del eth0n");  // as CNI DEL does
  ASSERT_EQ(::umount2(path_.c_str(), MNT_DETACH), 0);
  network->Detach();
  EXPECT_TRUE(CleanNamespace(path_, identity).ok()) << "what is left is a plain file";
}

TEST_F(PodNetworkTest, ANewNamespaceHasLoopbackAndGoesWithItsLastUser) {
  auto space = NetNamespace::Make();
  ASSERT_TRUE(space.ok()) << space.status();
  const std::string path = StrCat("/proc/", ::getpid(), "/fd/", space->fd());
  EXPECT_THAT(Command("nsenter", StrCat("--net=", path, " ip -o link")),
              AllOf(HasSubstr("LOOPBACK,UP"), ::testing::Not(HasSubstr("2: "))));
  EXPECT_NE(space->identity(), NetNamespace::Make()->identity());
  auto network = PodNetwork::Attach(*space, {});
  ASSERT_TRUE(network.ok()) << network.status();
  (*network)->SetGuest(guest_.calls());
  ASSERT_TRUE((*network)->Watch().ok());
  Command("ip", StrCat("link add node0 type veth peer name eth0 netns ", path));
  space = absl::UnknownError("closed");
  EXPECT_THAT(Command("ip", "-o link"), HasSubstr("node0")) << "the network holds the namespace";
  (*network)->Detach();
  // The kernel removes namespaces, and with them the other end of the veth, on a thread of its own.
  for (int i = 0; i < 3000 && Command("ip", "-o link").find("node0") != std::string::npos; ++i)
    ::usleep(10000);
  EXPECT_THAT(Command("ip", "-o link"), ::testing::Not(HasSubstr("node0")));
}

TEST_F(PodNetworkTest, BadNamespacesAreNamed) {
  EXPECT_TRUE(absl::IsNotFound(NetNamespace::Open("/no/such/path").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NetNamespace::Open("/dev/null").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NetNamespace::Open("/proc/self/ns/uts").status()));
  const auto own = NetNamespace::Open("/proc/self/ns/net");
  EXPECT_EQ(own.status().code(), kPrecondition);
  EXPECT_THAT(std::string(MessageOf(own.status())), HasSubstr("the host's own network"));
}

}  // namespace
}  // namespace cc::pod_net
