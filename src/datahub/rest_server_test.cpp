// SPDX-License-Identifier: Apache-2.0
// The server as a container sees it: over real sockets.
#include "datahub/rest_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "base/file.h"
#include "base/socket.h"
#include "base/tcp.h"

namespace cc::datahub {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class RestServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    UniqueFd listener = ListenTcp("127.0.0.1:0").value();
    socklen_t size = sizeof(address_);
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    server_ = RestServer::Start(std::move(listener), [](const RestRequest& request) {
                return RestResponse{.status = 200,
                                    .content_type = "application/octet-stream",
                                    .body = SecretBytes(request.method + " " + request.target)};
              }).value();
  }
  UniqueFd Connect() const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)), 0);
    return fd;
  }
  static std::string ReadAll(int fd) {
    std::string all;
    std::array<char, 4096> part;
    while (true) {
      const absl::StatusOr<size_t> count = ReadSome(fd, part);
      if (!count.ok() || *count == 0) return all;
      all.append(part.data(), *count);
    }
  }
  std::string Ask(const std::string& text) const {
    const UniqueFd fd = Connect();
    EXPECT_TRUE(SendFull(fd.get(), text).ok());
    return ReadAll(fd.get());
  }

  sockaddr_in address_{};
  std::unique_ptr<RestServer> server_;
};

TEST_F(RestServerTest, AnswersOneRequestAndCloses) {
  const std::string answer = Ask("GET /info?x=y HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/octet-stream\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nGET /info?x=y"));
}

TEST_F(RestServerTest, BadRequestsAreToldSoAndHarmNobody) {
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nX: " + std::string(kMaxRestHeaders, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  Connect().reset();
  EXPECT_THAT(Ask("POST /aa/aael HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"), HasSubstr("POST /aa/aael"));
}

TEST_F(RestServerTest, ConnectionsAboveTheLimitAreClosed) {
  std::vector<UniqueFd> idle;
  for (size_t i = 0; i < kMaxRestConnections; ++i) idle.push_back(Connect());
  EXPECT_EQ(ReadAll(Connect().get()), "");
}

TEST_F(RestServerTest, EndsWithIdleConnections) {
  const UniqueFd idle = Connect();
  // Served after the idle one was accepted.
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\n\r\n"), HasSubstr("200"));
  server_.reset();
  EXPECT_EQ(ReadAll(idle.get()), "");
}

}  // namespace
}  // namespace cc::datahub
