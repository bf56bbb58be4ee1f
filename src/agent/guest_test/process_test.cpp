// SPDX-License-Identifier: Apache-2.0
// Processes: signals, streams, terminals, exec.
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

TEST(GuestProcess, TerminatesAnInitWithoutHandler) {
  Start(Request("sleeper", {"sleep", "1000"}));
  EXPECT_TRUE(Kill("sleeper", SIGTERM).ok());
  EXPECT_EQ(Wait("sleeper"), 137);
  Remove("sleeper");
}

TEST(GuestProcess, LeavesAHandledTermToTheProcess) {
  Start(Request("trap", {"sh", "-c", "trap 'exit 3' TERM; echo ready; while true; do sleep 0.05; done"}));
  auto in = Named<grpc::ReadStreamRequest>("trap");
  in.set_len(64);
  EXPECT_EQ(Agent().ReadStdout(in)->data(), "ready\n");
  EXPECT_TRUE(Kill("trap", SIGTERM).ok());
  EXPECT_EQ(Wait("trap"), 3);
  Remove("trap");
}

TEST(GuestProcess, EndsStdinWithEndOfFile) {
  Start(Request("cat", {"cat"}));
  EXPECT_TRUE(Write("cat", "hello ").ok());
  EXPECT_TRUE(Write("cat", "world").ok());
  EXPECT_TRUE(Write("cat", "").ok());
  EXPECT_EQ(ReadAll("cat"), "hello world");
  EXPECT_EQ(Wait("cat"), 0);
  ExpectCode(Write("cat", "late"), absl::StatusCode::kFailedPrecondition);
  Remove("cat");
}

TEST(GuestProcess, DeliversAllOfALargeOutput) {
  constexpr size_t kSize = 64 << 20;
  Start(Request("flood", {"dd", "if=/dev/zero", "bs=64k", StrCat("count=", kSize / 65536)}));
  const auto begin = std::chrono::steady_clock::now();
  int reads = 0;
  EXPECT_EQ(ReadAll("flood", "", false, &reads).size(), kSize);
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << "[ figure   ] stdout 64 MiB by vsock loopback: " << 64 / s << " MiB/s, "
            << kSize / 1024 / static_cast<size_t>(reads) << " KiB a read\n";
  EXPECT_EQ(Wait("flood"), 0);
  Remove("flood");
}

TEST(GuestProcess, GivesATerminal) {
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

TEST(GuestProcess, ExecutesFurtherProcesses) {
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

}  // namespace
}  // namespace cc::agent::guest_test
