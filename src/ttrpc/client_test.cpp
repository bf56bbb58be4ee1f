// SPDX-License-Identifier: Apache-2.0
// The client against a peer that is played frame by frame.
#include "ttrpc/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "ttrpc/test_peer.h"

namespace cc::ttrpc {
namespace {

using std::chrono::milliseconds;
using Result = absl::StatusOr<std::string>;

struct Pair {
  Pair() {
    auto [test_peer, fd] = TestPeer::Connect();
    peer = std::move(test_peer);
    client = std::make_unique<Client>(std::move(fd));
  }
  std::future<Result> Start(std::string_view payload, CallOptions options = {}) {
    return std::async(std::launch::async, [this, payload = std::string(payload), options] {
      return client->CallRaw("Test", "Method", payload, options);
    });
  }
  std::unique_ptr<TestPeer> peer;
  std::unique_ptr<Client> client;
};

TEST(ClientTest, RequestCarriesNamesPayloadTimeoutAndMetadata) {
  Pair pair;
  std::future<Result> call =
      pair.Start("payload", {.timeout = std::chrono::hours(1), .metadata = {{"k", "v1"}, {"k", "v2"}}});
  uint32_t stream = 0;
  const ::ttrpc::Request request = pair.peer->ReceiveRequest(&stream);
  EXPECT_EQ(stream, 1u);
  EXPECT_EQ(request.service(), "Test");
  EXPECT_EQ(request.method(), "Method");
  EXPECT_EQ(request.payload(), "payload");
  EXPECT_EQ(request.timeout_nano(), int64_t{3600} * 1000000000);
  ASSERT_EQ(request.metadata_size(), 2);
  EXPECT_EQ(request.metadata(1).key(), "k");
  EXPECT_EQ(request.metadata(1).value(), "v2");
  pair.peer->SendResponse(stream, absl::OkStatus(), "answer");
  EXPECT_EQ(*call.get(), "answer");
}

TEST(ClientTest, StreamIdsAreOddAndIncrease) {
  Pair pair;
  for (uint32_t expected : {1u, 3u, 5u}) {
    std::future<Result> call = pair.Start("");
    uint32_t stream = 0;
    const ::ttrpc::Request request = pair.peer->ReceiveRequest(&stream);
    EXPECT_EQ(stream, expected);
    EXPECT_EQ(request.timeout_nano(), 0);
    pair.peer->SendResponse(stream, absl::OkStatus());
    EXPECT_TRUE(call.get().ok());
  }
}

TEST(ClientTest, AnswersOutOfOrderReachTheirCalls) {
  Pair pair;
  std::vector<std::future<Result>> calls;
  std::vector<std::pair<uint32_t, std::string>> seen;
  for (int i = 0; i < 5; ++i) {
    calls.push_back(pair.Start(std::to_string(i)));
    uint32_t stream = 0;
    const ::ttrpc::Request request = pair.peer->ReceiveRequest(&stream);
    seen.emplace_back(stream, request.payload());
  }
  for (auto it = seen.rbegin(); it != seen.rend(); ++it) {
    pair.peer->SendResponse(it->first, absl::OkStatus(), "for " + it->second);
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(*calls[static_cast<size_t>(i)].get(), "for " + std::to_string(i));
}

TEST(ClientTest, ServerErrorKeepsCodeAndMessage) {
  Pair pair;
  std::future<Result> call = pair.Start("");
  uint32_t stream = 0;
  pair.peer->ReceiveRequest(&stream);
  pair.peer->SendResponse(stream, absl::NotFoundError("container x"));
  EXPECT_EQ(call.get().status(), absl::NotFoundError("container x"));
}

TEST(ClientTest, GivesUpOnItsOwnClockAndDropsLateAnswer) {
  Pair pair;
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      pair.client->CallRaw("Test", "Method", "", {.timeout = milliseconds(20)}).status()));
  uint32_t late = 0;
  pair.peer->ReceiveRequest(&late);
  pair.peer->SendResponse(late, absl::OkStatus(), "late");
  std::future<Result> call = pair.Start("");
  uint32_t stream = 0;
  pair.peer->ReceiveRequest(&stream);
  pair.peer->SendResponse(stream, absl::OkStatus(), "right");
  EXPECT_EQ(*call.get(), "right");
}

TEST(ClientTest, PassedDeadlineSendsNothing) {
  Pair pair;
  for (int ms : {0, -5}) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(
        pair.client->CallRaw("Test", "Method", "", {.timeout = milliseconds(ms)}).status()));
  }
  std::future<Result> call = pair.Start("only");
  uint32_t stream = 0;
  EXPECT_EQ(pair.peer->ReceiveRequest(&stream).payload(), "only");
  pair.peer->SendResponse(stream, absl::OkStatus());
  EXPECT_TRUE(call.get().ok());
}

TEST(ClientTest, HugeTimeoutDoesNotOverflow) {
  Pair pair;
  std::future<Result> call = pair.Start("", {.timeout = std::chrono::nanoseconds::max()});
  uint32_t stream = 0;
  pair.peer->ReceiveRequest(&stream);
  pair.peer->SendResponse(stream, absl::OkStatus(), "ok");
  EXPECT_EQ(*call.get(), "ok");
}

// The first call leaves half a frame in the socket; the second waits for its turn. Both give up in time,
// and the connection works once the peer reads again.
TEST(ClientTest, TimeoutHoldsWhileThePeerDoesNotRead) {
  Pair pair;
  const CallOptions options{.timeout = milliseconds(50)};
  const std::string large(3 << 20, 'x');
  std::future<Result> first = pair.Start(large, options);
  std::future<Result> second = pair.Start(large, options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(first.get().status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(second.get().status()));
  std::future<Result> third = pair.Start("third");
  while (true) {
    uint32_t stream = 0;
    const ::ttrpc::Request request = pair.peer->ReceiveRequest(&stream);
    ASSERT_NE(stream, 0u);
    if (request.payload() != "third") continue;
    pair.peer->SendResponse(stream, absl::OkStatus(), "done");
    break;
  }
  EXPECT_EQ(*third.get(), "done");
}

TEST(ClientTest, PeerEndFailsCallsInFlightAndLaterOnes) {
  Pair pair;
  std::vector<std::future<Result>> calls;
  for (int i = 0; i < 3; ++i) {
    calls.push_back(pair.Start(""));
    uint32_t stream = 0;
    pair.peer->ReceiveRequest(&stream);
  }
  pair.peer->Close();
  for (std::future<Result>& call : calls) EXPECT_TRUE(absl::IsUnavailable(call.get().status()));
  EXPECT_TRUE(absl::IsUnavailable(pair.client->CallRaw("Test", "Method", "", {}).status()));
}

TEST(ClientTest, CloseFailsCallsAndIsIdempotent) {
  Pair pair;
  std::future<Result> call = pair.Start("");
  uint32_t stream = 0;
  pair.peer->ReceiveRequest(&stream);
  std::thread other([&] { pair.client->Close(); });
  pair.client->Close();
  other.join();
  EXPECT_TRUE(absl::IsUnavailable(call.get().status()));
  EXPECT_EQ(pair.peer->Receive().status().code(), absl::StatusCode::kOutOfRange);
}

TEST(ClientTest, CloseWakesCallThatIsBlockedInSend) {
  Pair pair;
  std::future<Result> call = pair.Start(std::string(3 << 20, 'x'));
  ASSERT_TRUE(WaitReadable(pair.peer->fd(), std::chrono::seconds(60)).ok());
  pair.client->Close();
  EXPECT_TRUE(absl::IsUnavailable(call.get().status()));
}

TEST(ClientTest, CloseCallbacksRunOnceEvenWhenLate) {
  Pair pair;
  std::promise<void> early;
  pair.client->OnClose([&] { early.set_value(); });  // a second call would throw
  pair.peer->Close();
  early.get_future().wait();
  std::promise<void> late;
  pair.client->OnClose([&] { late.set_value(); });
  late.get_future().wait();
  pair.client->Close();
}

TEST(ClientTest, CloseCallbackMayDestroyTheClient) {
  auto [peer, fd] = TestPeer::Connect();
  auto client = std::make_shared<Client>(std::move(fd));
  std::promise<void> destroyed;
  client->OnClose([client, &destroyed]() mutable {
    client.reset();
    destroyed.set_value();
  });
  client.reset();
  peer->Close();
  destroyed.get_future().wait();
}

TEST(ClientTest, OversizeRequestFailsAndConnectionGoesOn) {
  Pair pair;
  EXPECT_TRUE(absl::IsResourceExhausted(
      pair.client->CallRaw("Test", "Method", std::string(kMaxBody, 'x'), {}).status()));
  std::future<Result> call = pair.Start("small");
  uint32_t stream = 0;
  EXPECT_EQ(pair.peer->ReceiveRequest(&stream).payload(), "small");
  pair.peer->SendResponse(stream, absl::OkStatus());
  EXPECT_TRUE(call.get().ok());
}

TEST(ClientTest, OversizeAnswerFailsItsCallOnly) {
  Pair pair;
  std::future<Result> first = pair.Start("1");
  uint32_t first_stream = 0;
  pair.peer->ReceiveRequest(&first_stream);
  std::future<Result> second = pair.Start("2");
  uint32_t second_stream = 0;
  pair.peer->ReceiveRequest(&second_stream);
  pair.peer->SendHeader({.length = kMaxBody + 1, .stream = first_stream, .type = kTypeResponse});
  EXPECT_TRUE(absl::IsResourceExhausted(first.get().status()));
  pair.peer->SendRaw(std::string(kMaxBody + 1, 'x'));
  pair.peer->SendResponse(second_stream, absl::OkStatus(), "fine");
  EXPECT_EQ(*second.get(), "fine");
}

TEST(ClientTest, BadAnswersFailTheirCallOnly) {
  struct Case {
    FrameHeader header;
    std::string body;
  };
  const std::vector<Case> cases = {{{.type = kTypeResponse}, "\xff\xff"},
                                   {{.type = kTypeData}, "stream data"},
                                   {{.type = kTypeData, .flags = kFlagRemoteClosed | kFlagNoData}, ""}};
  Pair pair;
  for (Case c : cases) {
    std::future<Result> call = pair.Start("");
    pair.peer->ReceiveRequest(&c.header.stream);
    pair.peer->SendFrame(c.header, c.body);
    EXPECT_TRUE(absl::IsInternal(call.get().status()));
  }
}

TEST(ClientTest, IgnoresFramesForNobody) {
  Pair pair;
  std::future<Result> call = pair.Start("");
  uint32_t stream = 0;
  pair.peer->ReceiveRequest(&stream);
  pair.peer->SendFrame({.stream = 2, .type = kTypeResponse}, "even");
  pair.peer->SendFrame({.stream = 99, .type = kTypeResponse}, "never opened");
  pair.peer->SendFrame({.stream = stream, .type = 77, .flags = 0xff}, "type of the future");
  pair.peer->SendFrame({.stream = stream, .type = kTypeRequest}, "server initiated");
  pair.peer->SendHeader({.length = kMaxBody + 9, .stream = 99, .type = kTypeResponse});
  pair.peer->SendRaw(std::string(kMaxBody + 9, 'x'));
  pair.peer->SendResponse(stream, absl::OkStatus(), "right");
  EXPECT_EQ(*call.get(), "right");
}

TEST(ClientTest, TruncatedAnswerEndsTheConnection) {
  Pair pair;
  std::future<Result> call = pair.Start("");
  uint32_t stream = 0;
  pair.peer->ReceiveRequest(&stream);
  pair.peer->SendHeader({.length = 100, .stream = stream, .type = kTypeResponse});
  pair.peer->SendRaw("half");
  pair.peer->Close();
  EXPECT_TRUE(absl::IsUnavailable(call.get().status()));
}

TEST(ClientTest, ManyThreadsShareOneConnection) {
  Pair pair;
  constexpr int kThreads = 16;
  constexpr int kCalls = 100;
  std::thread echo([&] {
    for (int i = 0; i < kThreads * kCalls; ++i) {
      uint32_t stream = 0;
      const ::ttrpc::Request request = pair.peer->ReceiveRequest(&stream);
      EXPECT_EQ(stream, static_cast<uint32_t>(2 * i + 1));
      pair.peer->SendResponse(stream, absl::OkStatus(), request.payload());
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const std::string text = std::to_string(t) + ":" + std::to_string(i);
        const Result result =
            pair.client->CallRaw("Test", "Echo", text, {.timeout = std::chrono::minutes(5)});
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_EQ(*result, text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  echo.join();
}

}  // namespace
}  // namespace cc::ttrpc
