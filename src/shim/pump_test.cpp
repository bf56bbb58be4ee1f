// SPDX-License-Identifier: Apache-2.0
// Streams over real FIFOs, files and a logging binary; the guest is a pair of functions.
#include "shim/pump.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <future>

#include "base/file.h"
#include "base/socket.h"
#include "shim/read_all.h"

namespace cc::shim {
namespace {

constexpr std::chrono::seconds kLong{60};

// Hands out `total` bytes in chunks, then the end of the stream.
std::function<absl::StatusOr<std::string>()> Source(size_t total) {
  auto left = std::make_shared<size_t>(total);
  return [left]() -> absl::StatusOr<std::string> {
    const size_t n = std::min(*left, kStreamChunk);
    *left -= n;
    return std::string(n, 'x');
  };
}
absl::StatusOr<std::string> End() { return std::string(); }

class PumpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-pump");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    for (const char* name : {"in", "out", "err"}) ASSERT_EQ(::mkfifo(path(name).c_str(), 0600), 0);
  }
  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }

  std::unique_ptr<StreamPump> Open(const StdioPaths& paths, std::chrono::milliseconds stall = kLong) {
    auto stdio = std::make_unique<Stdio>();
    const absl::Status status = OpenStdio(paths, "c1", "ns", stdio.get());
    EXPECT_TRUE(status.ok()) << status;
    return std::make_unique<StreamPump>(std::move(stdio), stall);
  }
  GuestStreams Guest(std::function<absl::StatusOr<std::string>()> out) {
    return {.read_stdout = std::move(out),
            .read_stderr = End,
            .write_stdin =
                [this](std::string data) {
                  input_ += data;
                  return absl::OkStatus();
                },
            .close_stdin =
                [this] {
                  input_closed_.set_value();
                  return absl::OkStatus();
                }};
  }

  std::unique_ptr<TempDir> dir_;
  std::string input_;  // valid once input_closed_ is set
  std::promise<void> input_closed_;
};

TEST_F(PumpTest, LargeOutputArrivesWholeAndEnds) {
  constexpr size_t kSize = (64 << 20) + 17;
  auto pump = Open({.in = "", .out = path("out"), .err = path("err")});
  auto reader = std::async(std::launch::async, [&] {
    absl::StatusOr<UniqueFd> fd = OpenFile(path("out"), O_RDONLY);
    return ReadAll(fd->get()).size();
  });
  ASSERT_TRUE(pump->Start(Guest(Source(kSize))).ok());
  EXPECT_TRUE(pump->WaitDrained());
  EXPECT_EQ(reader.get(), kSize);
}

TEST_F(PumpTest, OutputWrittenBeforeAReaderComesIsKeptForIt) {
  auto pump = Open({.in = "", .out = path("out"), .err = path("err")});
  std::atomic<int> reads = 0;
  std::promise<void> release;
  auto released = release.get_future().share();
  ASSERT_TRUE(pump->Start(Guest([&]() -> absl::StatusOr<std::string> {
                    if (reads++ == 0) return std::string("early");
                    released.wait();
                    return std::string();
                  }))
                  .ok());
  absl::StatusOr<UniqueFd> fd = OpenFile(path("out"), O_RDONLY);
  ASSERT_TRUE(fd.ok());
  std::string early(5, '\0');
  ASSERT_TRUE(ReadFull(fd->get(), early.data(), early.size()).ok());
  EXPECT_EQ(early, "early");
  release.set_value();
  EXPECT_TRUE(pump->WaitDrained());
}

TEST_F(PumpTest, AClientThatGoesAndComesBackLosesNothingAndBreaksNothing) {
  auto pump = Open({.in = "", .out = path("out"), .err = path("err")});
  std::promise<void> detached;
  auto gone = detached.get_future().share();
  std::atomic<int> reads = 0;
  ASSERT_TRUE(pump->Start(Guest([&]() -> absl::StatusOr<std::string> {
                    const int n = reads++;
                    if (n == 0) return std::string("one");
                    gone.wait();
                    return n == 1 ? std::string("two") : std::string();
                  }))
                  .ok());
  {
    absl::StatusOr<UniqueFd> first = OpenFile(path("out"), O_RDONLY);
    std::string one(3, '\0');
    ASSERT_TRUE(ReadFull(first->get(), one.data(), one.size()).ok());
  }
  absl::StatusOr<UniqueFd> second = OpenFile(path("out"), O_RDONLY | O_NONBLOCK);
  detached.set_value();
  ASSERT_TRUE(WaitReadable(second->get(), kLong).ok());
  EXPECT_TRUE(pump->WaitDrained());
  EXPECT_EQ(ReadAll(second->get()), "two");
}

TEST_F(PumpTest, StalledReaderIsNoticedAndLosesNothing) {
  constexpr size_t kSize = 1 << 20;  // more than a pipe holds
  auto pump = Open({.in = "", .out = path("out"), .err = path("err")}, std::chrono::milliseconds(20));
  ASSERT_TRUE(pump->Start(Guest(Source(kSize))).ok());
  EXPECT_FALSE(pump->WaitDrained()) << "nobody reads";
  absl::StatusOr<UniqueFd> fd = OpenFile(path("out"), O_RDONLY);
  EXPECT_EQ(ReadAll(fd->get()).size(), kSize);
}

TEST_F(PumpTest, CancelEndsABlockedStream) {
  auto pump = Open({.in = path("in"), .out = path("out"), .err = path("err")});
  ASSERT_TRUE(pump->Start(Guest(Source(1 << 20))).ok());
  pump->Cancel();
  EXPECT_TRUE(pump->WaitDrained());
}

TEST_F(PumpTest, CancelOfStreamsThatNeverRanLetsClientsSeeTheEnd) {
  auto pump = Open({.in = "", .out = path("out"), .err = path("err")});
  absl::StatusOr<UniqueFd> fd = OpenFile(path("out"), O_RDONLY);
  pump->Cancel();
  EXPECT_EQ(ReadAll(fd->get()), "");
}

TEST_F(PumpTest, InputEndsAfterCloseIoAndTheLastClient) {
  auto pump = Open({.in = path("in"), .out = "", .err = ""});
  ASSERT_TRUE(pump->Start(Guest(End)).ok());
  const std::string data(200000, 'i');
  {
    absl::StatusOr<UniqueFd> first = OpenFile(path("in"), O_WRONLY);
    ASSERT_TRUE(WriteFull(first->get(), data).ok());
  }
  // A client that goes is no end of input.
  absl::StatusOr<UniqueFd> second = OpenFile(path("in"), O_WRONLY);
  pump->CloseInput();
  ASSERT_TRUE(WriteFull(second->get(), "last").ok());
  second->reset();
  input_closed_.get_future().wait();
  EXPECT_EQ(input_, data + "last");
}

// `echo in | ctr run` closes its end of the FIFO and may never call CloseIO.
TEST_F(PumpTest, WithoutReattachmentTheLastClientEndsTheInput) {
  auto pump = Open({.in = path("in"), .out = "", .err = "", .terminal = false, .reattachable = false});
  ASSERT_TRUE(pump->Start(Guest(End)).ok());
  {
    absl::StatusOr<UniqueFd> client = OpenFile(path("in"), O_WRONLY);
    ASSERT_TRUE(WriteFull(client->get(), "in").ok());
  }
  input_closed_.get_future().wait();
  EXPECT_EQ(input_, "in");
}

TEST_F(PumpTest, AClientThatCameAndWentBeforeTheProcessRanEndsTheInput) {
  auto pump = Open({.in = path("in"), .out = "", .err = "", .terminal = false, .reattachable = false});
  {
    absl::StatusOr<UniqueFd> client = OpenFile(path("in"), O_WRONLY);
    ASSERT_TRUE(WriteFull(client->get(), "in").ok());
  }
  ASSERT_TRUE(pump->Start(Guest(End)).ok());
  input_closed_.get_future().wait();
  EXPECT_EQ(input_, "in");
}

TEST_F(PumpTest, InputWaitsForItsFirstClient) {
  auto pump = Open({.in = path("in"), .out = "", .err = "", .terminal = false, .reattachable = false});
  ASSERT_TRUE(pump->Start(Guest(End)).ok());
  std::future<void> closed = input_closed_.get_future();
  EXPECT_EQ(closed.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  absl::StatusOr<UniqueFd> client = OpenFile(path("in"), O_WRONLY);
  client->reset();
  closed.wait();
}

TEST_F(PumpTest, AClientLearnsThatNobodyTakesItsInput) {
  ASSERT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
  auto pump = Open({.in = path("in"), .out = "", .err = ""});
  std::promise<void> tried;
  GuestStreams guest = Guest(End);
  guest.write_stdin = [&](const std::string&) {
    tried.set_value();
    return absl::FailedPreconditionError("stdin is closed");
  };
  ASSERT_TRUE(pump->Start(std::move(guest)).ok());
  absl::StatusOr<UniqueFd> client = OpenFile(path("in"), O_WRONLY);
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE(WriteFull(client->get(), "first").ok());
  tried.get_future().wait();
  // More than the FIFO holds: without a reader it would block for ever.
  EXPECT_FALSE(WriteFull(client->get(), std::string(1 << 20, 'i')).ok());
  pump->CloseInput();
}

TEST_F(PumpTest, UnwantedOutputIsDrained) {
  auto pump = Open({.in = "", .out = "", .err = ""});
  ASSERT_TRUE(pump->Start(Guest(Source(4 << 20))).ok());
  EXPECT_TRUE(pump->WaitDrained());
}

TEST_F(PumpTest, FilesAreAppendedTo) {
  ASSERT_TRUE(WriteFileAtomic(path("log"), "before ").ok());
  auto pump = Open({.in = "", .out = "file://" + path("log"), .err = "file://" + path("log")});
  std::atomic<int> reads = 0;
  ASSERT_TRUE(pump->Start(Guest([&]() -> absl::StatusOr<std::string> {
                    return reads++ == 0 ? std::string("after") : std::string();
                  }))
                  .ok());
  EXPECT_TRUE(pump->WaitDrained());
  EXPECT_EQ(*ReadFile(path("log")), "before after");
}

TEST_F(PumpTest, LoggingBinaryGetsStreamsEnvironmentAndArguments) {
  ASSERT_TRUE(WriteFileAtomic(path("logger"),
                              "#!/bin/sh\nexec 5>&-\ncat <&3 >" + path("got") +
                                  "\necho \"|$CONTAINER_ID|$CONTAINER_NAMESPACE|$1|$2\" >>" + path("got") +
                                  "\n",
                              0700)
                  .ok());
  {
    auto pump = Open({.in = "", .out = "binary://" + path("logger") + "?key=a%20b", .err = ""});
    std::atomic<int> reads = 0;
    ASSERT_TRUE(pump->Start(Guest([&]() -> absl::StatusOr<std::string> {
                      return reads++ == 0 ? std::string("line") : std::string();
                    }))
                    .ok());
    EXPECT_TRUE(pump->WaitDrained());
  }
  EXPECT_EQ(*ReadFile(path("got")), "line|c1|ns|key|a b\n");
}

TEST_F(PumpTest, BadStreamsAreRefused) {
  for (const StdioPaths& paths :
       std::initializer_list<StdioPaths>{{.in = "", .out = path("absent"), .err = ""},
                                         {.in = path("absent"), .out = "", .err = ""},
                                         {.in = "", .out = "relative", .err = ""},
                                         {.in = "", .out = "http://x/y", .err = ""},
                                         {.in = "", .out = "binary:///no/such/logger", .err = ""}}) {
    Stdio stdio;
    EXPECT_FALSE(OpenStdio(paths, "c", "n", &stdio).ok()) << paths.out << paths.in;
  }
}

TEST(StreamUriTest, KeepsArgumentsInOrder) {
  absl::StatusOr<StreamUri> uri = ParseStreamUri("binary:///usr/bin/log?b=2&a&c=%2Fx");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->scheme, "binary");
  EXPECT_EQ(uri->path, "/usr/bin/log");
  EXPECT_THAT(uri->arguments, ::testing::ElementsAre("b", "2", "a", "c", "/x"));
}

TEST(StreamUriTest, APlusSignIsASpaceInTheQueryOnly) {
  absl::StatusOr<StreamUri> uri = ParseStreamUri("binary:///log+dir/a%20b?k=x+y");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->path, "/log+dir/a b");
  EXPECT_THAT(uri->arguments, ::testing::ElementsAre("k", "x y"));
}

}  // namespace
}  // namespace cc::shim
