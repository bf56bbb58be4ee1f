// SPDX-License-Identifier: Apache-2.0
#include "base/socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "base/file.h"

namespace cc {
namespace {

class SocketTest : public ::testing::Test {
 protected:
  SocketTest() : dir_(*TempDir::Create("/tmp/cc-socket-test-")) {}
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  TempDir dir_;
};

TEST_F(SocketTest, ListenerIsPrivateAndReplacesAStaleSocket) {
  { UniqueFd stale = *ListenUnix(Path("s")); }
  UniqueFd listener = *ListenUnix(Path("s"));
  struct stat st;
  ASSERT_EQ(::stat(Path("s").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  UniqueFd client = *ConnectUnix(Path("s"));
  EXPECT_TRUE(Accept(listener.get()).ok());
}

TEST_F(SocketTest, DoesNotReplaceAnOrdinaryFile) {
  ASSERT_TRUE(WriteFileAtomic(Path("s"), "data").ok());
  EXPECT_FALSE(ListenUnix(Path("s")).ok());
  EXPECT_EQ(*ReadFile(Path("s")), "data");
}

TEST_F(SocketTest, TooLongPathIsExplained) {
  const absl::Status status = ListenUnix(Path(std::string(120, 'x'))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("shorter"), std::string::npos);
}

TEST_F(SocketTest, NobodyListeningIsUnavailableOrNotFound) {
  EXPECT_EQ(ConnectUnix(Path("none")).status().code(), absl::StatusCode::kNotFound);
  { UniqueFd stale = *ListenUnix(Path("s")); }
  EXPECT_EQ(ConnectUnix(Path("s")).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(SocketTest, ShutDownWakesAccept) {
  UniqueFd listener = *ListenUnix(Path("s"));
  std::thread waiter(
      [&] { EXPECT_EQ(Accept(listener.get()).status().code(), absl::StatusCode::kCancelled); });
  ::shutdown(listener.get(), SHUT_RDWR);
  waiter.join();
}

TEST(SendFull, PeerGoneIsUnavailableNotASignal) {
  auto [a, b] = std::move(*SocketPair());
  b.reset();
  EXPECT_EQ(SendFull(a.get(), "x").code(), absl::StatusCode::kUnavailable);
}

TEST(Relay, PassesHalfClosesOn) {
  auto [client, left] = std::move(*SocketPair());
  auto [right, server] = std::move(*SocketPair());
  std::thread relay([&] { Relay(left.get(), right.get()); });
  ASSERT_TRUE(SendFull(client.get(), "ping").ok());
  ::shutdown(client.get(), SHUT_WR);
  char buffer[8] = {};
  ASSERT_TRUE(ReadFull(server.get(), buffer, 4).ok());
  EXPECT_STREQ(buffer, "ping");
  EXPECT_EQ(*ReadSome(server.get(), buffer), 0u);
  ASSERT_TRUE(SendFull(server.get(), "pong").ok());
  ::shutdown(server.get(), SHUT_WR);
  ASSERT_TRUE(ReadFull(client.get(), buffer, 4).ok());
  EXPECT_STREQ(buffer, "pong");
  relay.join();
}

TEST(WaitReadable, ReportsTimeAndData) {
  auto [a, b] = std::move(*SocketPair());
  EXPECT_EQ(WaitReadable(a.get(), std::chrono::milliseconds(1)).code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(SendFull(b.get(), "x").ok());
  EXPECT_TRUE(WaitReadable(a.get(), std::chrono::seconds(10)).ok());
}

}  // namespace
}  // namespace cc
