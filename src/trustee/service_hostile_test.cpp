// SPDX-License-Identifier: Apache-2.0
// What clients must not be able to do: replay, mix sessions and keys, send too much, keep the service busy.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>

#include "base/socket.h"
#include "base/unique_fd.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kKey[] = "/kbs/v0/resource/default/key/1";

class HostileTest : public ServiceTest {
 protected:
  UniqueFd Connect() const {
    uint16_t port = 0;
    ParseNumber(std::string_view(service_->address()).substr(service_->address().rfind(':') + 1), &port);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static std::string ReadAll(int fd) {
    std::string text;
    char buffer[4096];
    ssize_t count = 0;
    while ((count = ::recv(fd, buffer, sizeof(buffer), 0)) > 0)
      text.append(buffer, static_cast<size_t>(count));
    return text;
  }
  // Sends bytes as they are and returns the answer up to the end of the stream.
  std::string Raw(const std::string& bytes) const {
    const UniqueFd fd = Connect();
    SendFull(fd.get(), bytes).IgnoreError();
    ::shutdown(fd.get(), SHUT_WR);
    return ReadAll(fd.get());
  }
};

TEST_F(HostileTest, ANonceWorksOnce) {
  Start();
  const Session session = Auth();
  json wrong = Attestation(session.nonce, jwk_);
  wrong["tee-evidence"]["primary_evidence"]["report_data"] = jose::Base64Encode(std::string(48, 'x'));
  EXPECT_EQ(Attest(session, wrong).status, 403);
  const Response replay = Attest(session, Attestation(session.nonce, jwk_));
  EXPECT_EQ(replay.status, 401);
  EXPECT_THAT(Detail(replay), HasSubstr("used already"));
}

TEST_F(HostileTest, AnAttestedSessionCannotBeAttestedAgainForAnotherKey) {
  Start();
  const Session session = Auth();
  const Response first = Attest(session, Attestation(session.nonce, jwk_));
  const json other = jose::Key::Generate(jose::KeyType::kP256)->PublicJwk("ECDH-ES+A256KW");
  const Response second = Attest(session, Attestation(session.nonce, other));
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, first.body);
}

TEST_F(HostileTest, EvidenceForAnotherKeySessionOrNonceIsRefused) {
  Start();
  const json other = jose::Key::Generate(jose::KeyType::kP256)->PublicJwk("ECDH-ES+A256KW");
  {
    const Session session = Auth();
    json message = Attestation(session.nonce, jwk_);
    message["runtime-data"]["tee-pubkey"] = other;
    const Response response = Attest(session, message);
    EXPECT_EQ(response.status, 403);
    EXPECT_THAT(Detail(response), HasSubstr("'report_data' is not bound"));
  }
  {
    const Session session = Auth();
    const Session stranger = Auth();
    EXPECT_EQ(Attest(session, Attestation(stranger.nonce, jwk_)).status, 401);
    json message = Attestation(stranger.nonce, jwk_);
    message["runtime-data"]["nonce"] = session.nonce;
    EXPECT_EQ(Attest(session, message).status, 403);
  }
  {
    const Session session = Auth();
    json message = Attestation(session.nonce, jwk_);
    message["tee-evidence"]["additional_evidence"] = "{}";
    EXPECT_EQ(Attest(session, message).status, 403);
  }
}

TEST_F(HostileTest, EvidenceOfADeviceThatIsNotServedRefusesTheWhole) {
  Start();
  const Session session = Auth();
  json message = Attestation(session.nonce, jwk_);
  const std::string additional = R"({"nvidia":{}})";
  message["tee-evidence"]["additional_evidence"] = additional;
  const json bound = {{"additional-evidence", additional}, {"nonce", session.nonce}, {"tee-pubkey", jwk_}};
  message["tee-evidence"]["primary_evidence"]["report_data"] =
      jose::Base64Encode(jose::Digest(jose::Hash::kSha384, *jose::CanonicalJson(bound)));
  const Response response = Attest(session, message);
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(Detail(response), HasSubstr("'nvidia' is not accepted"));
}

TEST_F(HostileTest, SessionsExpireAndCookiesCannotBeChosen) {
  Start();
  const Session session = Auth();
  now_ += 300;
  EXPECT_EQ(Attest(session, Attestation(session.nonce, jwk_)).status, 401);
  const Session fixed{"Cookie: kbs-session-id=00000000000040008000000000000000", session.nonce};
  EXPECT_EQ(Attest(fixed, Attestation(session.nonce, jwk_)).status, 401);
  EXPECT_EQ(Call("GET", kKey, "", {fixed.cookie}).status, 401);
}

TEST_F(HostileTest, ATokenOfAnotherServiceIsRefused) {
  Start();
  EndorseSample();
  PutResource("default/key/1", "x");
  const std::string url = url_;
  const std::unique_ptr<Service> first = std::move(service_);
  config_.data_dir = dir_.path() + "/other";
  Start();
  const auto token = Guest()->GetToken();
  ASSERT_TRUE(token.ok()) << token.status();
  url_ = url;
  const Response response = Call("GET", kKey, "", {StrCat("Authorization: Bearer ", token->token)});
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(Type(response), "TokenVerifierError");
  // Administrators of one service are strangers to another.
  EXPECT_EQ(Admin("POST", kKey, "y").status, 401);
}

TEST_F(HostileTest, BodiesBeyondTheLimitAreRefusedBeforeTheyAreRead) {
  Start();
  EXPECT_EQ(Admin("POST", kKey, std::string(3 << 20, 'x')).status, 413);
  EXPECT_EQ(Admin("POST", kKey, std::string(2 << 20, 'x')).status, 200);
  EXPECT_THAT(Raw("POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  const std::string chunk = StrCat("100000\r\n", std::string(1 << 20, 'x'), "\r\n");
  EXPECT_THAT(Raw(StrCat("POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunk,
                         chunk, chunk, "0\r\n\r\n")),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(HostileTest, BrokenRequestsGetAnAnswerOrNothingAndTheServiceLives) {
  Start();
  const std::string long_header = StrCat("GET / HTTP/1.1\r\nX: ", std::string(300 << 10, 'x'), "\r\n\r\n");
  EXPECT_THAT(Raw(long_header), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Raw("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw(StrCat("GET ", kKey, " HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n")),
              StartsWith("HTTP/1.1 400 "));
  for (const std::string& bytes :
       {std::string(""), std::string("G"),
        std::string("POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf"),
        std::string("POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        std::string("POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /kbs/v0/auth HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), std::string(1000, '\0')}) {
    EXPECT_THAT(Raw(bytes), AnyOf("", StartsWith("HTTP/1.1 4"))) << bytes;
  }
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
}

TEST_F(HostileTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  const std::string answers =
      Raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\nConnection: "
          "close\r\n\r\n");
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 404 "));
}

TEST_F(HostileTest, OneAddressCannotTakeAllConnections) {
  config_.http.connections_per_address = 4;
  Start();
  // Taken in the order of their connecting, so these four have their places before the fifth is looked at.
  std::vector<UniqueFd> held;
  for (int i = 0; i < 4; ++i) held.push_back(Connect());
  EXPECT_EQ(Raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

// The guests of a node come from its address, and their connections stay open after the last answer.
TEST_F(HostileTest, ConnectionsThatWaitBetweenRequestsMakeRoomForNewOnes) {
  config_.http.connections_per_address = 4;
  config_.http.connections = 4;
  Start();
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(Connect());
    SendFull(idle.back().get(), request).IgnoreError();
    char first = 0;
    ASSERT_EQ(::recv(idle.back().get(), &first, 1, 0), 1);
  }
  // The answers are here a moment before the service counts their connections as waiting.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string answer;
  while (answer.empty() && std::chrono::steady_clock::now() < deadline) answer = Raw(request);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST_F(HostileTest, TooManyRequestsOfOneAddressAreRefused) {
  config_.http.requests_per_second = 1;
  Start();
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  std::string many;
  for (int i = 0; i < 20; ++i) many += request;
  EXPECT_THAT(Raw(many), HasSubstr("HTTP/1.1 429 "));
}

TEST_F(HostileTest, SessionsThatNobodyFinishesNeitherFillTheMemoryNorKeepOthersOut) {
  config_.session.capacity = 5;
  Start();
  const Session oldest = Auth();
  ++now_;
  for (int i = 0; i < 4; ++i) Auth();
  ++now_;
  const Session newest = Auth();
  EXPECT_EQ(Attest(newest, Attestation(newest.nonce, jwk_)).status, 200);
  const Response gone = Attest(oldest, Attestation(oldest.nonce, jwk_));
  EXPECT_EQ(gone.status, 401);
  EXPECT_THAT(Detail(gone), HasSubstr("unknown or expired"));
}

TEST_F(HostileTest, StopEndsConnectionsThatSayNothing) {
  Start();
  const UniqueFd silent = Connect();
  SendFull(silent.get(), "GET /healthz HT").IgnoreError();
  service_->Stop();
  EXPECT_EQ(ReadAll(silent.get()), "");
}

}  // namespace
}  // namespace cc::trustee
