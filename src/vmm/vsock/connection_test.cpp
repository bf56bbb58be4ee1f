// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "base/file.h"
#include "base/socket.h"

namespace cc::vmm::vsock {
namespace {

constexpr Ports kPorts{.host = 1 << 30, .guest = 1024};

class ConnectionTest : public ::testing::Test {
 protected:
  // A stream of the guest, its response already taken; `client_` is the host program's end.
  void SetUp() override { Open(Connection::Origin::kGuest); }
  void Open(Connection::Origin origin) {
    auto pair = *SocketPair();
    ::fcntl(pair.first.get(), F_SETFL, O_NONBLOCK);
    client_ = std::move(pair.second);
    connection_.emplace(kPorts, std::move(pair.first), origin);
    connection_->UpdateCredit({.buffer_size = 1 << 20});
    first_ = *Next();
  }
  std::optional<PacketHeader> Next(size_t space = 4096) {
    const iovec piece{space_.data(), space};
    return connection_->NextPacket(std::span(&piece, 1));
  }
  [[nodiscard]] bool GuestSends(std::string data) {
    const iovec piece{data.data(), data.size()};
    return connection_->OnData(std::span(&piece, 1), static_cast<uint32_t>(data.size()));
  }
  void ClientSends(std::string_view data) {
    ASSERT_TRUE(SendFull(client_.get(), data).ok());
    connection_->OnSocketEvents(EPOLLIN);
  }
  std::string ClientReads() {
    std::array<char, 1 << 16> buffer;
    const ssize_t n = ::recv(client_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }
  std::string Payload(size_t size) const { return std::string(space_.data(), size); }

  UniqueFd client_;
  std::optional<Connection> connection_;
  PacketHeader first_;
  std::array<char, 1 << 16> space_;
};

TEST_F(ConnectionTest, AnswersTheGuestsRequest) {
  EXPECT_EQ(first_.operation, Operation::kResponse);
  EXPECT_EQ(first_.source_port, kPorts.host);
  EXPECT_EQ(first_.target_port, kPorts.guest);
  EXPECT_EQ(first_.buffer_size, ReceiveCredit::kBufferSize);
  EXPECT_FALSE(Next().has_value());
}

TEST_F(ConnectionTest, TellsTheClientWhenTheGuestAccepts) {
  Open(Connection::Origin::kHost);
  EXPECT_EQ(first_.operation, Operation::kRequest);
  EXPECT_EQ(ClientReads(), "nothing");
  ClientSends("early");
  EXPECT_FALSE(Next().has_value());  // not before the guest has accepted
  ASSERT_TRUE(connection_->OnResponse());
  EXPECT_EQ(ClientReads(), "OK 1024\n");
  ASSERT_TRUE(Next().has_value());
  EXPECT_EQ(Payload(5), "early");
}

TEST_F(ConnectionTest, RefusesPacketsThatDoNotFitItsState) {
  EXPECT_FALSE(connection_->OnResponse());  // nobody asked
  Open(Connection::Origin::kHost);
  EXPECT_FALSE(GuestSends("before the response"));
  ASSERT_TRUE(connection_->OnResponse());
  EXPECT_FALSE(connection_->OnResponse());  // twice
  connection_->OnShutdown(kShutdownSend);
  EXPECT_FALSE(GuestSends("after the end"));
}

TEST_F(ConnectionTest, CarriesDataBothWays) {
  ASSERT_TRUE(GuestSends("hello"));
  EXPECT_EQ(ClientReads(), "hello");
  ClientSends("world");
  const auto packet = Next();
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(packet->operation, Operation::kData);
  EXPECT_EQ(packet->length, 5u);
  EXPECT_EQ(packet->consumed, 5u);
  EXPECT_EQ(Payload(5), "world");
  EXPECT_FALSE(Next().has_value());
}

TEST_F(ConnectionTest, SendsNoMoreThanTheGuestHasRoomFor) {
  connection_->UpdateCredit({.buffer_size = 3});
  ClientSends("abcdef");
  EXPECT_EQ(Next()->length, 3u);
  EXPECT_EQ(Next()->operation, Operation::kCreditRequest);
  EXPECT_FALSE(Next().has_value());  // asks once
  connection_->UpdateCredit({.buffer_size = 3, .consumed = 3});
  EXPECT_EQ(Next()->length, 3u);
  EXPECT_EQ(Payload(3), "def");
}

TEST_F(ConnectionTest, KeepsWhatTheClientDoesNotTakeYet) {
  const int small = 4096;
  ::setsockopt(connection_->socket(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  std::string want, got;
  while (connection_->backlog() == 0) {
    const std::string piece(4096, static_cast<char>('a' + want.size() / 4096 % 26));
    ASSERT_TRUE(GuestSends(piece));
    want += piece;
  }
  connection_->OnShutdown(kShutdownSend);
  while (true) {
    const std::string piece = ClientReads();
    if (piece.empty()) break;  // the end arrives behind the last byte
    if (piece == "nothing") {
      connection_->OnSocketEvents(EPOLLOUT);
    } else {
      got += piece;
    }
  }
  EXPECT_EQ(got, want);
  EXPECT_EQ(connection_->backlog(), 0u);
}

TEST_F(ConnectionTest, AGuestThatIgnoresItsCreditIsRefused) {
  bool accepted = true;
  for (int i = 0; accepted && i < 1000; ++i) accepted = GuestSends(std::string(16 << 10, 'x'));
  EXPECT_FALSE(accepted);
  EXPECT_LE(connection_->backlog(), ReceiveCredit::kBufferSize);
}

TEST_F(ConnectionTest, ReportsConsumedBytesAfterHalfABuffer) {
  std::string read;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(GuestSends(std::string(ReceiveCredit::kBufferSize / 4, 'x')));
    while (connection_->backlog() > 0 || read.size() < size_t(i + 1) * ReceiveCredit::kBufferSize / 4) {
      const std::string piece = ClientReads();
      if (piece != "nothing") read += piece;
      connection_->OnSocketEvents(EPOLLOUT);
    }
  }
  const auto packet = Next();
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(packet->operation, Operation::kCreditUpdate);
  EXPECT_EQ(packet->consumed, ReceiveCredit::kBufferSize / 2);
}

TEST_F(ConnectionTest, AnswersACreditRequest) {
  connection_->OnCreditRequest();
  EXPECT_EQ(Next()->operation, Operation::kCreditUpdate);
  EXPECT_FALSE(Next().has_value());
}

TEST_F(ConnectionTest, PassesTheClientsHalfCloseOnBehindItsData) {
  ClientSends("last");
  ::shutdown(client_.get(), SHUT_WR);
  connection_->OnSocketEvents(EPOLLIN | EPOLLRDHUP);
  EXPECT_EQ(Next()->operation, Operation::kData);
  const auto end = Next();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->operation, Operation::kShutdown);
  EXPECT_EQ(end->flags, kShutdownSend);
  ASSERT_TRUE(GuestSends("still talking"));
  EXPECT_EQ(ClientReads(), "still talking");
}

TEST_F(ConnectionTest, TellsOfAClosedClientAfterItsData) {
  ClientSends("last");
  client_.reset();
  connection_->OnSocketEvents(EPOLLIN | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(Next()->operation, Operation::kData);
  EXPECT_EQ(Next()->flags, kShutdownBoth);
  EXPECT_TRUE(GuestSends("nobody hears this"));
  EXPECT_EQ(connection_->backlog(), 0u);
}

TEST_F(ConnectionTest, ACloseBehindAHalfCloseIsToldToo) {
  ::shutdown(client_.get(), SHUT_WR);
  connection_->OnSocketEvents(EPOLLIN | EPOLLRDHUP);
  EXPECT_EQ(Next()->flags, kShutdownSend);
  client_.reset();
  connection_->OnSocketEvents(EPOLLIN | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(Next()->flags, kShutdownBoth);
}

TEST_F(ConnectionTest, PassesTheGuestsHalfCloseOn) {
  ASSERT_TRUE(GuestSends("bye"));
  connection_->OnShutdown(kShutdownSend);
  EXPECT_EQ(ClientReads(), "bye");
  EXPECT_EQ(ClientReads(), "");
  ClientSends("still talking");
  EXPECT_EQ(Next()->length, 13u);
}

TEST_F(ConnectionTest, DoesNotReadForAGuestThatDoesNotListen) {
  connection_->OnShutdown(kShutdownReceive);
  EXPECT_FALSE(SendFull(client_.get(), "x").ok());
}

TEST_F(ConnectionTest, DeliversWhatAGoneGuestHadSent) {
  std::string want;
  while (connection_->backlog() == 0) {
    ASSERT_TRUE(GuestSends(std::string(16 << 10, 'x')));
    want += std::string(16 << 10, 'x');
  }
  connection_->Detach();
  EXPECT_FALSE(connection_->HasPacket());
  std::string got;
  while (!connection_->drained()) {
    const std::string piece = ClientReads();
    if (piece != "nothing") got += piece;
    connection_->OnSocketEvents(EPOLLOUT);
  }
  for (std::string piece; (piece = ClientReads()) != "" && piece != "nothing";) got += piece;
  EXPECT_EQ(got, want);
}

}  // namespace
}  // namespace cc::vmm::vsock
