// SPDX-License-Identifier: Apache-2.0
#include "http/timed_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "base/socket.h"

namespace cc::http {
namespace {

TEST(TimedSocket, ReadsAndWritesUntilThePeerEnds) {
  auto [ours, theirs] = *SocketPair();
  TimedSocket socket(ours.get());
  socket.SetDeadline(std::chrono::minutes(1));
  ASSERT_EQ(*socket.Write("hello", 5), 5u);
  std::array<char, 16> buffer;
  EXPECT_EQ(::recv(theirs.get(), buffer.data(), buffer.size(), 0), 5);
  std::thread answer([fd = theirs.get()] { EXPECT_TRUE(SendFull(fd, "answer").ok()); });
  EXPECT_EQ(*socket.Read(buffer.data(), buffer.size()), 6u);
  answer.join();
  theirs.reset();
  EXPECT_EQ(*socket.Read(buffer.data(), buffer.size()), 0u);
  EXPECT_FALSE(socket.Write("x", 1).ok());
}

TEST(TimedSocket, APeerThatDoesNothingMeetsTheDeadline) {
  const auto pair = *SocketPair();
  TimedSocket socket(pair.first.get());
  char byte;
  EXPECT_EQ(socket.Read(&byte, 1).status().code(), absl::StatusCode::kDeadlineExceeded) << "none was set";
  socket.SetDeadline(std::chrono::milliseconds(20));
  EXPECT_EQ(socket.Read(&byte, 1).status().code(), absl::StatusCode::kDeadlineExceeded);
  socket.SetDeadline(std::chrono::milliseconds(20));
  const std::string much(1 << 16, 'x');
  absl::StatusOr<size_t> written;
  do {
    written = socket.Write(much.data(), much.size());
  } while (written.ok());
  EXPECT_EQ(written.status().code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace cc::http
