// SPDX-License-Identifier: Apache-2.0
// The server against a peer that is played frame by frame: good frames, odd frames and random ones.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "ttrpc/cancel_scope.h"
#include "ttrpc/connection.h"
#include "ttrpc/server.h"
#include "ttrpc/test_peer.h"

namespace cc::ttrpc {
namespace {

class ServerFramesTest : public testing::Test {
 protected:
  ServerFramesTest() {
    server_.HandleRaw("Test", "Echo", [](const CallContext&, std::string_view in, std::string& out) {
      out = in;
      return absl::OkStatus();
    });
    // Returns when it is cancelled.
    server_.HandleRaw("Test", "Hang", [this](const CallContext& call, std::string_view, std::string&) {
      ++hanging_;
      hanging_.notify_all();
      std::mutex mutex;
      std::condition_variable wake;
      bool woken = false;
      const CancelScope scope(call, [&] {
        std::lock_guard lock(mutex);
        woken = true;
        wake.notify_one();
      });
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return woken; });
      EXPECT_TRUE(call.cancelled());
      return absl::CancelledError("woken");
    });
    server_.HandleRaw("Test", "Large", [](const CallContext&, std::string_view, std::string& out) {
      out.assign(kMaxBody + 1, 'x');
      return absl::OkStatus();
    });
    auto [peer, fd] = TestPeer::Connect();
    peer_ = std::move(peer);
    thread_ = std::thread([this, fd = std::move(fd)]() mutable { server_.ServeConnection(std::move(fd)); });
  }
  ~ServerFramesTest() override {
    peer_->Close();
    server_.Shutdown();
    thread_.join();
  }
  void WaitHanging(int count) {
    for (int now = hanging_; now < count; now = hanging_) hanging_.wait(now);
  }
  void ExpectAlive(uint32_t stream) {
    peer_->SendRequest(stream, "Echo", "ping");
    const absl::StatusOr<std::string> answer = peer_->ReceiveAnswer(stream);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(*answer, "ping");
  }

  std::atomic<int> hanging_ = 0;
  Server server_;
  std::unique_ptr<TestPeer> peer_;
  std::thread thread_;
};

TEST_F(ServerFramesTest, UnaryRequestMayCarryRemoteClosed) {
  peer_->SendRequest(1, "Echo", "a", 0, kFlagRemoteClosed);
  EXPECT_EQ(*peer_->ReceiveAnswer(1), "a");
  peer_->SendRequest(3, "Echo", "b", 0, 0x80 | kFlagRemoteClosed);
  EXPECT_EQ(*peer_->ReceiveAnswer(3), "b");
}

TEST_F(ServerFramesTest, StreamingRequestIsUnimplemented) {
  peer_->SendRequest(1, "Echo", "a", 0, kFlagRemoteOpen);
  EXPECT_TRUE(absl::IsUnimplemented(peer_->ReceiveAnswer(1).status()));
  ExpectAlive(3);
}

TEST_F(ServerFramesTest, DataIsRefusedAndBareCloseIgnored) {
  peer_->SendFrame({.stream = 1, .type = kTypeData}, "data");
  EXPECT_TRUE(absl::IsInvalidArgument(peer_->ReceiveAnswer(1).status()));
  peer_->SendFrame({.stream = 1, .type = kTypeData, .flags = kFlagRemoteClosed | kFlagNoData}, "");
  ExpectAlive(3);
}

TEST_F(ServerFramesTest, EvenAndRepeatedStreamIdsAreRefused) {
  peer_->SendRequest(2, "Echo");
  EXPECT_TRUE(absl::IsInvalidArgument(peer_->ReceiveAnswer(2).status()));
  peer_->SendRequest(0, "Echo");
  EXPECT_TRUE(absl::IsInvalidArgument(peer_->ReceiveAnswer(0).status()));
  ExpectAlive(7);
  for (uint32_t stream : {7u, 5u}) {
    peer_->SendRequest(stream, "Echo");
    EXPECT_TRUE(absl::IsInvalidArgument(peer_->ReceiveAnswer(stream).status()));
  }
  ExpectAlive(9);
}

TEST_F(ServerFramesTest, OtherTypesAreIgnored) {
  for (int type : {0, 2, 4, 255}) {
    peer_->SendFrame({.stream = 1, .type = static_cast<uint8_t>(type)}, "whatever");
  }
  ExpectAlive(1);
}

TEST_F(ServerFramesTest, OversizeRequestIsDrainedAndAnswered) {
  const std::string junk(kMaxBody + 1, 'x');
  peer_->SendHeader({.length = kMaxBody + 1, .stream = 1, .type = kTypeRequest});
  peer_->SendRaw(junk);
  EXPECT_TRUE(absl::IsResourceExhausted(peer_->ReceiveAnswer(1).status()));
  ExpectAlive(3);
}

TEST_F(ServerFramesTest, OversizeAnswerBecomesResourceExhausted) {
  peer_->SendRequest(1, "Large");
  EXPECT_TRUE(absl::IsResourceExhausted(peer_->ReceiveAnswer(1).status()));
  ExpectAlive(3);
}

TEST_F(ServerFramesTest, BodyThatIsNoRequestIsInvalidArgument) {
  peer_->SendFrame({.stream = 1, .type = kTypeRequest}, "\xff\xff\xff");
  EXPECT_TRUE(absl::IsInvalidArgument(peer_->ReceiveAnswer(1).status()));
  ExpectAlive(3);
}

TEST_F(ServerFramesTest, EmptyRequestNamesNoService) {
  peer_->SendFrame({.stream = 1, .type = kTypeRequest}, "");
  EXPECT_EQ(peer_->ReceiveAnswer(1).status(), absl::UnimplementedError("service "));
}

TEST_F(ServerFramesTest, TruncatedHeaderEndsTheConnectionOnly) {
  peer_->SendRaw(std::string(5, '\0'));
  ::shutdown(peer_->fd(), SHUT_WR);
  EXPECT_EQ(peer_->Receive().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(ServerFramesTest, DeadlineCancelsHandlerAndIsTheAnswer) {
  peer_->SendRequest(1, "Hang", "", 20'000'000);
  EXPECT_TRUE(absl::IsDeadlineExceeded(peer_->ReceiveAnswer(1).status()));
  ExpectAlive(3);
}

TEST_F(ServerFramesTest, PassedDeadlineReachesNoHandler) {
  peer_->SendRequest(1, "Hang", "", -1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(peer_->ReceiveAnswer(1).status()));
  EXPECT_EQ(hanging_, 0);
}

TEST_F(ServerFramesTest, HugeTimeoutDoesNotOverflow) {
  peer_->SendRequest(1, "Echo", "x", INT64_MAX);
  EXPECT_EQ(*peer_->ReceiveAnswer(1), "x");
  peer_->SendRequest(3, "Echo", "x", INT64_MIN);
  EXPECT_TRUE(absl::IsDeadlineExceeded(peer_->ReceiveAnswer(3).status()));
}

TEST_F(ServerFramesTest, DisconnectCancelsAllCalls) {
  for (uint32_t i = 0; i < 8; ++i) peer_->SendRequest(2 * i + 1, "Hang");
  WaitHanging(8);
  peer_->Close();
  server_.Shutdown();  // returns only when all handlers have
}

TEST_F(ServerFramesTest, ShutdownCancelsBlockedHandlersAndDeliversTheirAnswers) {
  for (uint32_t i = 0; i < 8; ++i) peer_->SendRequest(2 * i + 1, "Hang");
  WaitHanging(8);
  server_.Shutdown();
  for (int i = 0; i < 8; ++i) {
    const absl::StatusOr<TestPeer::Frame> frame = peer_->Receive();
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_TRUE(absl::IsCancelled(DecodeResponse(frame->body).status()));
  }
  EXPECT_EQ(peer_->Receive().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(ServerFramesTest, FloodOfCallsIsCapped) {
  const auto streams = static_cast<uint32_t>(kMaxCallsInFlight);
  for (uint32_t i = 0; i < streams; ++i) peer_->SendRequest(2 * i + 1, "Hang");
  peer_->SendRequest(2 * streams + 1, "Hang");
  EXPECT_TRUE(absl::IsResourceExhausted(peer_->ReceiveAnswer(2 * streams + 1).status()));
  WaitHanging(static_cast<int>(streams));
}

TEST_F(ServerFramesTest, BytesInFlightAreCapped) {
  const std::string large(4'000'000, 'x');
  uint32_t stream = 1;
  for (size_t bytes = large.size(); bytes <= kMaxBytesInFlight; bytes += large.size(), stream += 2) {
    peer_->SendRequest(stream, "Hang", large);
  }
  peer_->SendRequest(stream, "Hang", large);
  EXPECT_TRUE(absl::IsResourceExhausted(peer_->ReceiveAnswer(stream).status()));
  ExpectAlive(stream + 2);
}

// Peer that never reads: workers block in their answers until Shutdown closes the connection.
TEST_F(ServerFramesTest, ShutdownDoesNotWaitForPeerThatDoesNotRead) {
  const std::string large(1 << 20, 'x');
  for (uint32_t i = 0; i < 4; ++i) peer_->SendRequest(2 * i + 1, "Echo", large);
  ASSERT_TRUE(WaitReadable(peer_->fd(), std::chrono::seconds(60)).ok());
  server_.Shutdown();
}

// Random but mostly well-framed input. Whatever comes, the next connection is served.
TEST_F(ServerFramesTest, SurvivesRandomFrames) {
  std::mt19937 random(20260101);  // NOLINT: a fixed seed makes failures repeatable
  const auto below = [&](uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n - 1)(random); };
  std::thread drain([&] {
    std::vector<char> buffer(1 << 16);
    while (::recv(peer_->fd(), buffer.data(), buffer.size(), 0) > 0) {
    }
  });
  uint32_t next = 1;
  for (int i = 0; i < 100'000; ++i) {
    ::ttrpc::Request request;
    request.set_service(below(8) == 0 ? "Other" : "Test");
    request.set_method(below(8) == 0 ? "None" : "Echo");
    request.set_payload(std::string(below(200), 'p'));
    request.set_timeout_nano(below(4) == 0 ? static_cast<int64_t>(random()) - (1LL << 31) : 0);
    std::string body = request.SerializeAsString();
    for (uint32_t flips = below(3) == 0 ? below(8) : 0; flips > 0; --flips) {
      body[below(static_cast<uint32_t>(body.size()))] = static_cast<char>(random());
    }
    FrameHeader header{.stream = next, .type = kTypeRequest};
    next += 2;
    if (below(4) == 0) header.stream = below(2) == 0 ? static_cast<uint32_t>(random()) & 0xffff : next - 4;
    if (below(4) == 0) header.type = static_cast<uint8_t>(below(6));
    if (below(4) == 0) header.flags = static_cast<uint8_t>(random());
    peer_->SendFrame(header, body);
  }
  ::shutdown(peer_->fd(), SHUT_WR);
  drain.join();

  auto [peer, fd] = TestPeer::Connect();
  std::thread serve([this, fd = std::move(fd)]() mutable { server_.ServeConnection(std::move(fd)); });
  peer->SendRequest(1, "Echo", "alive");
  EXPECT_EQ(*peer->ReceiveAnswer(1), "alive");
  peer->Close();
  serve.join();
}

// Random bytes with no framing at all.
TEST_F(ServerFramesTest, SurvivesRandomBytes) {
  std::mt19937 random(7);  // NOLINT: see above
  for (int i = 0; i < 2000; ++i) {
    auto [peer, fd] = TestPeer::Connect();
    std::string bytes(1 + random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 2 == 0) bytes.replace(0, 1, 1, '\0');
    peer->SendRaw(bytes);
    ::shutdown(peer->fd(), SHUT_WR);
    server_.ServeConnection(std::move(fd));
  }
  ExpectAlive(1);
}

}  // namespace
}  // namespace cc::ttrpc
