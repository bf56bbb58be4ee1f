// SPDX-License-Identifier: Apache-2.0
// The proxy against real sockets: a unix socket pair or listener for the guest's side, TCP on loopback
// behind.
#include "shim/egress.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/file.h"
#include "base/socket.h"
#include "shim/socks.h"

namespace cc::shim {
namespace {

using namespace std::string_literals;

constexpr std::chrono::seconds kTimeout{10};

std::string ReadExactly(int fd, size_t size) {
  std::string data(size, '\0');
  EXPECT_TRUE(WaitReadable(fd, kTimeout).ok());
  EXPECT_TRUE(ReadFull(fd, data.data(), size).ok());
  return data;
}

absl::StatusOr<SocksTarget> Parse(const std::string& bytes, std::string* answer = nullptr) {
  auto pair = SocketPair();
  EXPECT_TRUE(pair.ok());
  EXPECT_TRUE(SendFull(pair->first.get(), bytes).ok());
  ::shutdown(pair->first.get(), SHUT_WR);
  absl::StatusOr<SocksTarget> target = ReadSocksRequest(pair->second.get(), kTimeout);
  pair->second.reset();
  if (answer != nullptr) {
    std::array<char, 64> buffer{};
    while (true) {
      absl::StatusOr<size_t> n = ReadSome(pair->first.get(), buffer);
      if (!n.ok() || *n == 0) break;
      answer->append(buffer.data(), *n);
    }
  }
  return target;
}

TEST(SocksTest, ReadsNamesAndAddresses) {
  absl::StatusOr<SocksTarget> name = Parse(
      "\x05\x01\x00\x05\x01\x00\x03\x03"s
      "a.b"
      "\x01\xbb"s);
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(name->host, "a.b");
  EXPECT_EQ(name->port, 443);
  absl::StatusOr<SocksTarget> v4 = Parse("\x05\x02\x02\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x13\x88"s);
  ASSERT_TRUE(v4.ok()) << v4.status();
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 5000);
  absl::StatusOr<SocksTarget> v6 =
      Parse("\x05\x01\x00\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x50"s);
  ASSERT_TRUE(v6.ok()) << v6.status();
  EXPECT_EQ(v6->host, "::1");
}

TEST(SocksTest, RefusesBadInput) {
  struct Case {
    const char* what;
    std::string bytes;
    std::string answer;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"nothing", "", ""},
           {"version 4", "\x04\x01\x00"s, ""},
           {"no common method", "\x05\x01\x02"s, "\x05\xff"s},
           {"cut in the greeting", "\x05\x05\x00"s, ""},
           {"BIND", "\x05\x01\x00\x05\x02\x00\x03\x01x\x00\x50"s, "\x05\x00\x05\x07"s},
           {"unknown address type", "\x05\x01\x00\x05\x01\x00\x09"s, "\x05\x00\x05\x08"s},
           {"empty name", "\x05\x01\x00\x05\x01\x00\x03\x00\x00\x50"s, "\x05\x00\x05\x08"s},
           {"NUL in the name",
            "\x05\x01\x00\x05\x01\x00\x03\x03"s
            "a\0b\x00\x50"s,
            "\x05\x00\x05\x08"s},
           {"line break in the name",
            "\x05\x01\x00\x05\x01\x00\x03\x03"s
            "a\nb\x00\x50"s,
            "\x05\x00\x05\x08"s},
           {"cut in the name",
            "\x05\x01\x00\x05\x01\x00\x03\xff"s
            "abc",
            "\x05\x00"s},
           {"second version wrong", "\x05\x01\x00\x04\x01\x00\x03\x01x\x00\x50"s, "\x05\x00"s}}) {
    std::string answer;
    EXPECT_FALSE(Parse(c.bytes, &answer).ok()) << c.what;
    EXPECT_TRUE(answer.starts_with(c.answer)) << c.what;
  }
}

class EgressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-egress");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    absl::StatusOr<UniqueFd> listener = ListenUnix(dir_->path() + "/guest");
    ASSERT_TRUE(listener.ok());
    egress_ = std::make_unique<Egress>(std::move(*listener), rules_);
    ASSERT_TRUE(egress_->Start().ok());
    server_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(server_.get(), 8), 0);
    socklen_t size = sizeof(address);
    ASSERT_EQ(::getsockname(server_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }

  // Connects as the guest does and returns the stream and the reply's second byte.
  std::pair<UniqueFd, int> Connect(const std::string& host) {
    absl::StatusOr<UniqueFd> guest = ConnectUnix(dir_->path() + "/guest");
    EXPECT_TRUE(guest.ok());
    std::string request = "\x05\x01\x00\x05\x01\x00\x03"s;
    request.push_back(static_cast<char>(host.size()));
    request += host;
    request.push_back(static_cast<char>(port_ >> 8));
    request.push_back(static_cast<char>(port_ & 0xff));
    EXPECT_TRUE(SendFull(guest->get(), request).ok());
    const std::string answer = ReadExactly(guest->get(), 12);
    return {std::move(*guest), static_cast<unsigned char>(answer[3])};
  }

  std::unique_ptr<TempDir> dir_;
  std::shared_ptr<EgressRules> rules_ = std::make_shared<EgressRules>();
  std::unique_ptr<Egress> egress_;
  UniqueFd server_;
  uint16_t port_ = 0;
};

TEST_F(EgressTest, CarriesBytesBothWaysToAnAllowedHost) {
  ASSERT_TRUE(rules_->Allow({"127.0.0.1:" + std::to_string(port_)}).ok());
  auto [guest, reply] = Connect("127.0.0.1");
  ASSERT_EQ(reply, 0);
  absl::StatusOr<UniqueFd> server = Accept(server_.get());
  ASSERT_TRUE(server.ok());
  ASSERT_TRUE(SendFull(guest.get(), "ping").ok());
  EXPECT_EQ(ReadExactly(server->get(), 4), "ping");
  ASSERT_TRUE(SendFull(server->get(), "pong").ok());
  EXPECT_EQ(ReadExactly(guest.get(), 4), "pong");
}

TEST_F(EgressTest, AnswersNotAllowedForEverythingElse) {
  EXPECT_EQ(Connect("127.0.0.1").second, 2);
  EXPECT_EQ(Connect("localhost").second, 2);
}

TEST_F(EgressTest, ReportsARefusedConnection) {
  ASSERT_TRUE(rules_->Allow({"127.0.0.1:" + std::to_string(port_)}).ok());
  server_.reset();
  EXPECT_EQ(Connect("127.0.0.1").second, 5);
}

TEST_F(EgressTest, StopEndsLiveConnections) {
  ASSERT_TRUE(rules_->Allow({"127.0.0.1:" + std::to_string(port_)}).ok());
  auto [guest, reply] = Connect("127.0.0.1");
  ASSERT_EQ(reply, 0);
  egress_->Stop();
  std::array<char, 1> byte{};
  absl::StatusOr<size_t> n = ReadSome(guest.get(), byte);
  EXPECT_TRUE(!n.ok() || *n == 0);
}

TEST_F(EgressTest, ConnectionsAreLimited) {
  // Each of these waits in its handshake; the one above the limit is closed at once.
  std::vector<UniqueFd> idle;
  for (size_t i = 0; i < kMaxEgressConnections; ++i) {
    absl::StatusOr<UniqueFd> guest = ConnectUnix(dir_->path() + "/guest");
    ASSERT_TRUE(guest.ok());
    // The answer to the greeting proves that the connection was taken.
    ASSERT_TRUE(SendFull(guest->get(), "\x05\x01\x00"s).ok());
    ASSERT_EQ(ReadExactly(guest->get(), 2), "\x05\x00"s);
    idle.push_back(std::move(*guest));
  }
  absl::StatusOr<UniqueFd> refused = ConnectUnix(dir_->path() + "/guest");
  ASSERT_TRUE(refused.ok());
  std::array<char, 1> byte{};
  absl::StatusOr<size_t> n = ReadSome(refused->get(), byte);
  EXPECT_TRUE(!n.ok() || *n == 0);
}

}  // namespace
}  // namespace cc::shim
