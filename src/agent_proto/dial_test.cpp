// SPDX-License-Identifier: Apache-2.0
#include "agent_proto/dial.h"

#include <sys/socket.h>

#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/socket.h"
#include "gtest/gtest.h"

namespace cc::agent_proto {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

absl::Status HandshakeAgainst(const std::string& answer, bool close_after = false) {
  auto pair = SocketPair();
  EXPECT_TRUE(pair.ok());
  EXPECT_TRUE(SendFull(pair->second.get(), answer).ok());
  if (close_after) ::shutdown(pair->second.get(), SHUT_WR);
  return HybridHandshake(pair->first.get(), 1024,
                         answer.empty() && !close_after ? milliseconds(20) : seconds(20));
}

TEST(HybridHandshake, JudgesTheAnswer) {
  struct Case {
    std::string answer;
    bool close_after;
    absl::StatusCode want;
  };
  const std::vector<Case> cases = {
      {"OK 1073741824\n", false, absl::StatusCode::kOk},
      {"OK\n", false, absl::StatusCode::kOk},
      {"NO such port\n", false, absl::StatusCode::kInvalidArgument},
      {"\n", false, absl::StatusCode::kInvalidArgument},
      {std::string(65, 'O'), false, absl::StatusCode::kInvalidArgument},
      {"", true, absl::StatusCode::kUnavailable},
      {"OK 10", true, absl::StatusCode::kUnavailable},
      {"", false, absl::StatusCode::kDeadlineExceeded},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(HandshakeAgainst(c.answer, c.close_after).code(), c.want) << c.answer;
  }
}

TEST(HybridHandshake, SendsConnectAndLeavesTheStreamAlone) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  ASSERT_TRUE(SendFull(pair->second.get(), "OK 5\nrest").ok());
  ASSERT_TRUE(HybridHandshake(pair->first.get(), 4294967295u, seconds(20)).ok());
  char sent[64] = {};
  ASSERT_GT(::recv(pair->second.get(), sent, sizeof sent - 1, 0), 0);
  EXPECT_STREQ(sent, "CONNECT 4294967295\n");
  char rest[8] = {};
  ASSERT_EQ(::recv(pair->first.get(), rest, sizeof rest - 1, 0), 4);
  EXPECT_STREQ(rest, "rest");
}

TEST(DialHybrid, ReportsAMissingSocketAsUnavailable) {
  EXPECT_EQ(DialHybrid("/nonexistent/vsock", 1024, seconds(1)).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(DialHybrid, ReachesAListeningSocket) {
  auto dir = TempDir::Create("/tmp/cc-dial-");
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/v";
  auto listener = ListenUnix(path);
  ASSERT_TRUE(listener.ok());
  std::thread peer([&] {
    auto fd = Accept(listener->get());
    ASSERT_TRUE(fd.ok());
    ASSERT_TRUE(SendFull(fd->get(), "OK 1\n").ok());
  });
  EXPECT_TRUE(DialHybrid(path, 1024, seconds(20)).ok());
  peer.join();
}

}  // namespace
}  // namespace cc::agent_proto
