// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"
#include "base/thread.h"

namespace cc {
namespace {

TEST(Run, CollectsOutputErrorAndCode) {
  absl::StatusOr<Output> output = cc::Run({.argv = {"sh", "-c", "echo out; echo err >&2; exit 7"}});
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->out, "out\n");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->exit.Status(), 7);
}

TEST(Run, FeedsMoreThanAPipeHolds) {
  const std::string input(1 << 20, 'x');
  absl::StatusOr<Output> output = cc::Run({.argv = {"cat"}}, input, 4 << 20);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, input);
}

TEST(Run, KeepsNoMoreThanTheLimitButReadsAll) {
  absl::StatusOr<Output> output =
      cc::Run({.argv = {"sh", "-c", "head -c 200000 /dev/zero; exit 3"}}, {}, 1000);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out.size(), 1000u);
  EXPECT_EQ(output->exit.code, 3);
}

TEST(Run, ChildThatIgnoresItsInputIsNoError) {
  EXPECT_TRUE(cc::Run({.argv = {"true"}}, std::string(1 << 20, 'x')).ok());
}

TEST(Spawn, FailedExecIsReportedWithItsCause) {
  EXPECT_EQ(Spawn({.argv = {"/no/such/program"}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Spawn({.argv = {"no-such-program-anywhere"}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Spawn({.argv = {"/etc/passwd"}}).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Spawn({}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Spawn, ProgramRunsInTheNetworkNamespaceAndTheCallerStays) {
  UniqueFd space;
  {
    Thread maker = *Thread::Start("netns", [&space] {
      if (::unshare(CLONE_NEWNET) == 0) space.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    });
  }
  if (!space) GTEST_SKIP() << "a network namespace needs root";
  struct stat made {};
  ASSERT_EQ(::fstat(space.get(), &made), 0);
  const std::vector<std::string> show = {"readlink", "-n", "/proc/self/ns/net"};
  const auto in_namespace = cc::Run({.argv = show, .network_namespace = space.get()});
  ASSERT_TRUE(in_namespace.ok()) << in_namespace.status();
  EXPECT_EQ(in_namespace->out, StrCat("net:[", made.st_ino, "]"));
  const auto beside = cc::Run({.argv = show});
  ASSERT_TRUE(beside.ok());
  EXPECT_NE(beside->out, in_namespace->out);
}

TEST(Spawn, ANamespaceThatCannotBeEnteredIsAnError) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(Spawn({.argv = {"true"}, .network_namespace = null.get()}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Spawn, SignalledChildIsReportedAs128PlusSignal) {
  Child child = *Spawn({.argv = {"sleep", "1000"}});
  EXPECT_EQ(child.Wait(std::chrono::milliseconds(1)).status().code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(child.Kill(SIGTERM).ok());
  absl::StatusOr<ExitState> exit = child.Wait();
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->Status(), 128 + SIGTERM);
  EXPECT_EQ(child.Kill(SIGTERM).code(), absl::StatusCode::kNotFound);
}

TEST(Spawn, DestructorLeavesNoProcess) {
  pid_t pid;
  {
    Child child = *Spawn({.argv = {"sleep", "1000"}});
    pid = child.pid();
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Spawn, ChildGetsOnlyTheDescriptorsGiven) {
  UniqueFd inheritable(::open("/dev/null", O_RDWR));  // on purpose without O_CLOEXEC
  ::fcntl(inheritable.get(), F_SETFD, 0);
  UniqueFd mapped = *OpenFile("/dev/zero", O_RDONLY);
  // No pipeline: while it starts one, the shell itself holds the pipe's descriptors for a moment.
  absl::StatusOr<Output> output =
      cc::Run({.argv = {"sh", "-c", "exec 9</dev/null; ls /proc/$$/fd; readlink /proc/$$/fd/5"},
               .fds = {{mapped.get(), 5}}});
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "0\n1\n2\n5\n9\n/dev/zero\n");
}

TEST(Spawn, SwappedDescriptorsAreMappedRight) {
  UniqueFd zero = *OpenFile("/dev/zero", O_RDONLY);
  UniqueFd null = *OpenFile("/dev/null", O_RDONLY);
  absl::StatusOr<Output> output = cc::Run({.argv = {"sh", "-c",
                                                    "readlink /proc/$$/fd/" + std::to_string(zero.get()) +
                                                        " /proc/$$/fd/" + std::to_string(null.get())},
                                           .fds = {{zero.get(), null.get()}, {null.get(), zero.get()}}});
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "/dev/null\n/dev/zero\n");
}

TEST(Spawn, EnvironmentAndDirectoryAreAsGiven) {
  absl::StatusOr<Output> output = cc::Run(
      {.argv = {"/bin/sh", "-c", "echo $A; pwd"}, .env = std::vector<std::string>{"A=b"}, .cwd = "/proc"});
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "b\n/proc\n");
}

}  // namespace
}  // namespace cc
