// SPDX-License-Identifier: Apache-2.0
// Bundles, consoles, crun's messages, signals: the small parts around containers.
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "agent/run/bundle.h"
#include "agent/run/console.h"
#include "agent/run/container.h"
#include "agent/run/crun.h"
#include "agent/run/exec.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using ::testing::ElementsAre;
using enum absl::StatusCode;

TEST(Bundle, FindsMountsInnermostFirstAndUnescapes) {
  const char* text =
      "22 1 0:20 / / rw - tmpfs tmpfs rw\n"
      "23 22 0:21 / /run/c/a/rootfs rw shared:1 - overlay overlay rw\n"
      "24 23 0:22 / /run/c/a/rootfs/with\\040blank rw - tmpfs tmpfs rw\n"
      "25 22 0:23 / /run/c/ab rw - tmpfs tmpfs rw\n"
      "broken\n";
  EXPECT_THAT(MountsBeneath(ParseMountinfo(text), "/run/c/a"),
              ElementsAre("/run/c/a/rootfs/with blank", "/run/c/a/rootfs"));
  EXPECT_TRUE(MountsBeneath({}, "/run/c/a").empty());
}

TEST(Bundle, IsRemovedWithItsMountsButNotWhatTheyShowed) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  auto dir = TempDir::Create("/tmp/cc-bundle-");
  ASSERT_TRUE(dir.ok());
  const std::string source = dir->path() + "/source";
  const std::string bundle = dir->path() + "/bundle";
  ASSERT_EQ(::mkdir(source.c_str(), 0755), 0);
  ASSERT_TRUE(WriteFileAtomic(source + "/keep", "x").ok());
  ASSERT_TRUE(CreateBundle(bundle).ok());
  EXPECT_EQ(CreateBundle(bundle).code(), kAlreadyExists);
  ASSERT_EQ(::mkdir((bundle + "/rootfs").c_str(), 0755), 0);
  ASSERT_EQ(::mount(source.c_str(), (bundle + "/rootfs").c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_TRUE(RemoveBundle(bundle).ok());
  EXPECT_NE(::access(bundle.c_str(), F_OK), 0);
  EXPECT_EQ(*ReadFile(source + "/keep"), "x");
  EXPECT_TRUE(RemoveBundle(bundle).ok());
}

TEST(LastCrunError, FindsTheMessage) {
  EXPECT_EQ(LastCrunError(R"({"msg":"first","level":"error"}
{"msg":"open `x`: No such file or directory","level":"error","time":"t"}
not json
[1]
{"msg":5}
)"),
            "open `x`: No such file or directory");
  EXPECT_EQ(LastCrunError(""), "");
  EXPECT_EQ(LastCrunError(std::string(100, '\xff')), "");
}

TEST(HandlesSignal, ReadsTheMaskOfCaughtSignals) {
  EXPECT_TRUE(HandlesSignal("Name:\tx\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000004000\n", SIGTERM));
  EXPECT_FALSE(HandlesSignal("SigIgn:\t0000000000004000\nSigCgt:\t0000000000002000\n", SIGTERM));
  for (const char* bad : {"", "SigCgt:", "SigCgt:\tzz\n", "SigCgt:\t10000000000004000\n"}) {
    EXPECT_FALSE(HandlesSignal(bad, SIGTERM)) << bad;
  }
}

void SendDescriptor(const std::string& path, int fd) {
  auto socket = ConnectUnix(path);
  ASSERT_TRUE(socket.ok());
  char byte = 'x';
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ASSERT_EQ(::sendmsg(socket->get(), &message, 0), 1);
}

TEST(ConsoleSocket, TakesATerminalAndNothingElse) {
  auto dir = TempDir::Create("/tmp/cc-console-");
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/tty";
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  const UniqueFd owned_master(master);
  const UniqueFd owned_slave(slave);
  {
    auto console = ConsoleSocket::Create(path);
    ASSERT_TRUE(console.ok());
    SendDescriptor(path, master);
    EXPECT_TRUE(console->Receive().ok());
    const UniqueFd null = *OpenFile("/dev/null", O_RDONLY);
    SendDescriptor(path, null.get());
    EXPECT_EQ(console->Receive().status().code(), kFailedPrecondition);
    SendDescriptor(path, -1);
    EXPECT_EQ(console->Receive().status().code(), kFailedPrecondition);
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

class ContainerTest : public ::testing::Test {
 protected:
  std::shared_ptr<Process> NewProcess() {
    Streams::ChildEnds ends;
    return std::make_shared<Process>(1 << 30, *Streams::Pipes(&ends));
  }
  Container container_{"c1", "/b", *Latch::Create()};
};

TEST_F(ContainerTest, HasNoProcessBeforeItIsReady) {
  EXPECT_EQ(container_.FindProcess("").status().code(), kFailedPrecondition);
  EXPECT_EQ(container_.ReserveExec("e").code(), kFailedPrecondition);
  EXPECT_EQ(container_.BeginRemoval().code(), kFailedPrecondition);
  container_.MarkFailed();
  EXPECT_EQ(container_.FindProcess("").status().code(), kNotFound);
  EXPECT_EQ(container_.BeginRemoval().code(), kNotFound);
}

TEST_F(ContainerTest, InitHasTwoNames) {
  auto init = NewProcess();
  container_.MarkReady(init);
  EXPECT_EQ(*container_.FindProcess(""), init);
  EXPECT_EQ(*container_.FindProcess("c1"), init);
  EXPECT_EQ(container_.FindProcess("e1").status().code(), kNotFound);
}

TEST_F(ContainerTest, AnExecIdIsTakenUntilItsProcessEnds) {
  container_.MarkReady(NewProcess());
  EXPECT_EQ(container_.ReserveExec("c1").code(), kAlreadyExists);
  ASSERT_TRUE(container_.ReserveExec("e").ok());
  EXPECT_EQ(container_.ReserveExec("e").code(), kAlreadyExists);
  EXPECT_EQ(container_.FindProcess("e").status().code(), kNotFound) << "not started yet";
  auto process = NewProcess();
  container_.AddExec("e", process);
  EXPECT_EQ(*container_.FindProcess("e"), process);
  EXPECT_EQ(container_.ReserveExec("e").code(), kAlreadyExists);
  process->MarkExited(0);
  EXPECT_TRUE(container_.ReserveExec("e").ok());
}

TEST_F(ContainerTest, KeepsOnlyTheLastEndedProcesses) {
  container_.MarkReady(NewProcess());
  for (int i = 0; i < 100; ++i) {
    const std::string id = StrCat("e", i);
    ASSERT_TRUE(container_.ReserveExec(id).ok());
    auto process = NewProcess();
    process->MarkExited(0);
    container_.AddExec(id, process);
    container_.Retire(id);
    container_.Retire(id);
  }
  EXPECT_EQ(container_.FindProcess("e50").status().code(), kNotFound);
  EXPECT_TRUE(container_.FindProcess("e99").ok());
}

TEST_F(ContainerTest, IsRemovedByOneCaller) {
  container_.MarkReady(NewProcess());
  EXPECT_TRUE(container_.BeginRemoval().ok());
  EXPECT_EQ(container_.BeginRemoval().code(), kFailedPrecondition);
  EXPECT_TRUE(container_.FindProcess("").ok()) << "still to be waited for";
  container_.AbandonRemoval();
  EXPECT_TRUE(container_.BeginRemoval().ok());
}

TEST(Process, RefusesSignalsOnceEnded) {
  Streams::ChildEnds ends;
  Process process(1 << 30, *Streams::Pipes(&ends));
  EXPECT_EQ(process.Signal(-1).code(), kInvalidArgument);
  EXPECT_EQ(process.Signal(1000).code(), kInvalidArgument);
  process.MarkExited(5);
  EXPECT_EQ(process.Signal(SIGTERM).code(), kNotFound);
  EXPECT_EQ(process.exit_status(), 5);
}

}  // namespace
}  // namespace cc::agent
