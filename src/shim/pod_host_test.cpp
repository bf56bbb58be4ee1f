// SPDX-License-Identifier: Apache-2.0
// What a pod has of its host: network, time, files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "pod_net/net_namespace.h"
#include "shim/pod_fixture.h"

namespace cc::shim {
namespace {

using ::testing::HasSubstr;

constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

using PodHostTest = TaskFixture;

TEST_F(PodHostTest, RefusesThePodThatWantsTheHostsNetwork) {
  network_ = "";
  const absl::Status status = CreateSandboxContainer();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("hostNetwork"));
}

TEST_F(PodHostTest, RefusesANamespaceThatIsTheHosts) {
  network_ = R"({"type":"network","path":"/proc/self/ns/net"})";
  const absl::Status status = CreateSandboxContainer();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("the host's own network"));
  network_ = R"({"type":"network","path":"/no/such/namespace"})";
  EXPECT_EQ(CreateSandboxContainer().code(), kNotFound);
}

TEST_F(PodHostTest, TheVmGetsANewNetworkNamespaceOrThatOfThePath) {
  struct stat own {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  for (const char* network : {R"({"type":"network"})", ""}) {
    network_ = network;
    ASSERT_TRUE(Create("c1").ok());
    EXPECT_NE(guest_->network_namespace(), 0U);
    EXPECT_NE(guest_->network_namespace(), own.st_ino) << "the host's";
    EXPECT_EQ(guest_->nics(), 1U) << "a spare one";
    ASSERT_TRUE(Kill("c1", 9).ok());
    ASSERT_TRUE(Delete("c1").ok());
  }
  const absl::StatusOr<pod_net::NetNamespace> made = pod_net::NetNamespace::Make();
  ASSERT_TRUE(made.ok()) << made.status();
  struct stat given {};
  ASSERT_EQ(::fstat(made->fd(), &given), 0);
  network_ = StrCat(R"({"type":"network","path":"/proc/self/fd/)", made->fd(), R"("})");
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_EQ(guest_->network_namespace(), given.st_ino);
}

TEST_F(PodHostTest, TheGuestGetsTheTimeOfDayUnlessItsPolicyForbids) {
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  guest_->clock_error = absl::PermissionDeniedError("the policy says no");
  ASSERT_TRUE(Create("c1").ok());
  EXPECT_GE(guest_->clock() + std::chrono::microseconds(1), before);
  EXPECT_LE(guest_->clock(), std::chrono::system_clock::now().time_since_epoch());
}

TEST_F(PodHostTest, TerminationMessageIsOnTheHostWhenTheExitIsTold) {
  ASSERT_TRUE(WriteFileAtomic(path("message"), "").ok());
  ASSERT_TRUE(
      Create("c1", "",
             R"({"type":"bind","source":")" + path("message") + R"(","destination":"/dev/termination-log"})")
          .ok());
  ASSERT_TRUE(Start("c1").ok());
  guest_->SetTerminationLog("c1", "out of luck");
  guest_->Exit("c1", 3);
  ASSERT_TRUE(Wait("c1").ok());
  EXPECT_EQ(*ReadFile(path("message")), "out of luck");
}

TEST_F(PodHostTest, VolumesAreKeptCurrentUntilTheContainerGoes) {
  ASSERT_TRUE(WriteFileAtomic(path("hosts"), "1").ok());
  ASSERT_TRUE(
      Create("c1", "", R"({"type":"bind","source":")" + path("hosts") + R"(","destination":"/etc/hosts"})")
          .ok());
  guest_->AwaitFile("-0-hosts", "1");
  ASSERT_TRUE(WriteFileAtomic(path("hosts"), "2").ok());
  guest_->AwaitFile("-0-hosts", "2");
}

TEST_F(PodHostTest, RefusedMountLeavesThePodUsable) {
  ASSERT_TRUE(CreateSandboxContainer().ok());
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const absl::Status status =
      CreateMember("bad", R"({"type":"bind","source":")" + path("fifo") + R"(","destination":"/x"})");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr(path("fifo") + " on /x"));
  EXPECT_TRUE(CreateMember("good").ok());
}

}  // namespace
}  // namespace cc::shim
