// SPDX-License-Identifier: Apache-2.0
#include "agent/run/reaper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <thread>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

// A process that has lost its parent: started by a shell that ends at once, it waits for Release and then
// runs `command`.
class Orphan {
 public:
  explicit Orphan(const std::string& command) {
    const std::string fifo = dir_.path() + "/go";
    EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    go_ = *OpenFile(fifo, O_RDWR);
    std::thread([&] {
      // Its streams must not hold the shell's pipes open.
      auto out = cc::Run(
          {.argv = {"/bin/sh", "-c",
                    StrCat("(read line <", fifo, "; ", command, ") </dev/null >/dev/null 2>&1 & echo $!")},
           .env = {},
           .fds = {},
           .cwd = {}});
      uint32_t number = 0;
      EXPECT_TRUE(out.ok() && ParseNumber(StrTrim(out->out), &number));
      pid_ = static_cast<pid_t>(number);
    }).join();
  }
  pid_t pid() const { return pid_; }
  void Release() { EXPECT_TRUE(WriteFull(go_.get(), "go\n").ok()); }

 private:
  TempDir dir_ = *TempDir::Create("/tmp/cc-orphan-");
  UniqueFd go_;
  pid_t pid_ = -1;
};

class ReaperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    Reaper::BlockSignals();
    stop_ = *Latch::Create();
  }
  Reaper reaper_;
  std::shared_ptr<Latch> stop_;
};

TEST_F(ReaperTest, TellsHowAnAdoptedProcessEnded) {
  Orphan orphan("exit 7");
  int status = -1;
  reaper_.WatchPid(orphan.pid(), [&](int s) {
    status = s;
    stop_->Set();
  });
  orphan.Release();
  ASSERT_TRUE(reaper_.Run(stop_->fd()).ok());
  EXPECT_EQ(status, 7);
}

TEST_F(ReaperTest, CountsSignalsFrom128) {
  Orphan orphan("exit 0");
  int status = -1;
  reaper_.WatchPid(orphan.pid(), [&](int s) {
    status = s;
    stop_->Set();
  });
  ::kill(orphan.pid(), SIGKILL);
  ASSERT_TRUE(reaper_.Run(stop_->fd()).ok());
  EXPECT_EQ(status, 128 + SIGKILL);
}

TEST_F(ReaperTest, RemembersAnEndThatCameBeforeTheWatch) {
  Orphan early("exit 3");
  Orphan late("exit 4");
  const Reaper::Expectation expectation(&reaper_);
  early.Release();
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(early.pid()), &info, WEXITED | WNOWAIT), 0);
  reaper_.WatchPid(late.pid(), [&](int) { stop_->Set(); });
  late.Release();
  ASSERT_TRUE(reaper_.Run(stop_->fd()).ok());
  int status = -1;
  reaper_.WatchPid(early.pid(), [&](int s) { status = s; });
  EXPECT_EQ(status, 3);
}

TEST_F(ReaperTest, ForgetsEndsThatNobodyExpects) {
  Orphan unknown("exit 3");
  Orphan last("exit 4");
  unknown.Release();
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(unknown.pid()), &info, WEXITED | WNOWAIT), 0);
  reaper_.WatchPid(last.pid(), [&](int) { stop_->Set(); });
  last.Release();
  ASSERT_TRUE(reaper_.Run(stop_->fd()).ok());
  EXPECT_EQ(::kill(unknown.pid(), 0), -1) << "it was not reaped";
  int status = -1;
  reaper_.WatchPid(unknown.pid(), [&](int s) { status = s; });
  EXPECT_EQ(status, -1);
}

TEST_F(ReaperTest, LeavesChildrenOfOtherThreadsToThem) {
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) {
      auto out = cc::Run({.argv = {"/bin/sh", "-c", "exit 9"}, .env = {}, .fds = {}, .cwd = {}});
      EXPECT_TRUE(out.ok()) << out.status();
      EXPECT_EQ(out.value_or(Output{}).exit.code, 9);
    }
    stop_->Set();
  });
  ASSERT_TRUE(reaper_.Run(stop_->fd()).ok());
  other.join();
}

}  // namespace
}  // namespace cc::agent
