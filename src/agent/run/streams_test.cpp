// SPDX-License-Identifier: Apache-2.0
#include "agent/run/streams.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "base/file.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using enum absl::StatusCode;

class StreamsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    streams_ = *Streams::Pipes(&child_);
    cancel_ = *Latch::Create();
  }
  std::string ReadOut(size_t limit = 1 << 20) {
    auto got = streams_->Read(Streams::Source::kStdout, limit, *cancel_);
    EXPECT_TRUE(got.ok()) << got.status();
    return got.value_or("");
  }
  Streams::ChildEnds child_;
  std::shared_ptr<Streams> streams_;
  std::shared_ptr<Latch> cancel_;
};

TEST_F(StreamsTest, ReadsAtMostTheLimitAndThenTheRest) {
  ASSERT_TRUE(WriteFull(child_.out.get(), "abcdef").ok());
  EXPECT_EQ(ReadOut(4), "abcd");
  EXPECT_EQ(ReadOut(4), "ef");
  child_.out.reset();
  EXPECT_EQ(ReadOut(), "");
}

TEST_F(StreamsTest, KeepsStdoutAndStderrApart) {
  ASSERT_TRUE(WriteFull(child_.err.get(), "err").ok());
  ASSERT_TRUE(WriteFull(child_.out.get(), "out").ok());
  EXPECT_EQ(*streams_->Read(Streams::Source::kStderr, 100, *cancel_), "err");
  EXPECT_EQ(ReadOut(), "out");
}

TEST_F(StreamsTest, WaitsForOutput) {
  auto read = std::async(std::launch::async, [&] { return ReadOut(); });
  ASSERT_TRUE(WriteFull(child_.out.get(), "late").ok());
  EXPECT_EQ(read.get(), "late");
}

TEST_F(StreamsTest, LosesNothingThatWasWrittenBeforeTheEnd) {
  ASSERT_TRUE(WriteFull(child_.out.get(), std::string(60000, 'x')).ok());
  child_.out.reset();
  streams_->ProcessExited();
  std::string all;
  for (std::string part = ReadOut(1000); !part.empty(); part = ReadOut(1000)) all += part;
  EXPECT_EQ(all.size(), 60000U);
}

TEST_F(StreamsTest, EndsAfterTheDrainTimeWhenAnotherProcessHoldsThePipe) {
  streams_->ProcessExited();
  EXPECT_EQ(ReadOut(), "");
}

TEST_F(StreamsTest, StopsReadingWhenTheCallerGoes) {
  auto read = std::async(std::launch::async, [&] {
    return streams_->Read(Streams::Source::kStdout, 10, *cancel_).status().code();
  });
  cancel_->Set();
  EXPECT_EQ(read.get(), kCancelled);
}

TEST_F(StreamsTest, WritesMoreThanThePipeHoldsWhileTheProcessReads) {
  const std::string data(1 << 20, 'z');
  auto write = std::async(std::launch::async, [&] { return streams_->Write(data, *cancel_); });
  std::string got;
  std::array<char, 65536> buffer;
  while (got.size() < data.size()) {
    auto n = ReadSome(child_.in.get(), buffer);
    ASSERT_TRUE(n.ok());
    got.append(buffer.data(), *n);
  }
  EXPECT_TRUE(write.get().ok());
  EXPECT_EQ(got, data);
}

TEST_F(StreamsTest, ClosesStdinBehindWhatWasWritten) {
  ASSERT_TRUE(streams_->Write("last", *cancel_).ok());
  streams_->CloseStdin();
  std::array<char, 16> buffer;
  EXPECT_EQ(*ReadSome(child_.in.get(), buffer), 4U);
  EXPECT_EQ(*ReadSome(child_.in.get(), buffer), 0U);
  EXPECT_EQ(streams_->Write("x", *cancel_).code(), kFailedPrecondition);
}

TEST_F(StreamsTest, AWriterThatBlocksIsFreedByExitByCallerAndByClosedStdin) {
  const std::string data(1 << 20, 'z');
  auto write = std::async(std::launch::async, [&] { return streams_->Write(data, *cancel_).code(); });
  cancel_->Set();
  EXPECT_EQ(write.get(), kCancelled);
  cancel_ = *Latch::Create();
  write = std::async(std::launch::async, [&] { return streams_->Write(data, *cancel_).code(); });
  child_.in.reset();
  EXPECT_EQ(write.get(), kFailedPrecondition);
  SetUp();
  write = std::async(std::launch::async, [&] { return streams_->Write(data, *cancel_).code(); });
  streams_->ProcessExited();
  EXPECT_EQ(write.get(), kFailedPrecondition);
}

TEST_F(StreamsTest, PipesHaveNoWindowSize) { EXPECT_EQ(streams_->Resize(1, 1).code(), kFailedPrecondition); }

TEST_F(StreamsTest, ATerminalIsOneStreamAndEndsWithItsLastUser) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  UniqueFd user(slave);
  auto terminal = Streams::Terminal(UniqueFd(master));
  ASSERT_TRUE(terminal.ok());
  EXPECT_EQ(*(*terminal)->Read(Streams::Source::kStderr, 10, *cancel_), "");
  ASSERT_TRUE((*terminal)->Resize(40, 100000).ok());
  winsize size{};
  ASSERT_EQ(::ioctl(user.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_row, 40);
  EXPECT_EQ(size.ws_col, 65535);
  ASSERT_TRUE(WriteFull(user.get(), "hi").ok());
  EXPECT_EQ(*(*terminal)->Read(Streams::Source::kStdout, 10, *cancel_), "hi");
  (*terminal)->CloseStdin();
  EXPECT_TRUE((*terminal)->Write("x\n", *cancel_).ok());
  user.reset();
  while (!(*terminal)->Read(Streams::Source::kStdout, 10, *cancel_)->empty()) {
  }
}

}  // namespace
}  // namespace cc::agent
