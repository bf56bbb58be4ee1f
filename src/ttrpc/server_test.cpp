// SPDX-License-Identifier: Apache-2.0
// Server and client together, over socket pairs and a listening socket.
#include "ttrpc/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/socket.h"
#include "kata/health.pb.h"
#include "ttrpc/cancel_scope.h"
#include "ttrpc/client.h"

namespace cc::ttrpc {
namespace {

using Result = absl::StatusOr<std::string>;

// A server with one client.
class ServerTest : public testing::Test {
 protected:
  void Start() {
    absl::StatusOr<std::pair<UniqueFd, UniqueFd>> pair = SocketPair();
    ASSERT_TRUE(pair.ok());
    client_ = std::make_unique<Client>(std::move(pair->first));
    thread_ = std::thread(
        [this, fd = std::move(pair->second)]() mutable { server_.ServeConnection(std::move(fd)); });
  }
  ~ServerTest() override {
    if (client_) client_->Close();
    server_.Shutdown();
    if (thread_.joinable()) thread_.join();
  }
  Result Call(std::string_view method, std::string_view payload = {}, CallOptions options = {}) {
    return client_->CallRaw("Test", method, payload, options);
  }
  void Handle(std::string_view method, Server::RawHandler handler) {
    server_.HandleRaw("Test", method, std::move(handler));
  }

  Server server_;
  std::unique_ptr<Client> client_;
  std::thread thread_;
};

absl::Status Echo(const CallContext&, std::string_view in, std::string& out) {
  out = in;
  return absl::OkStatus();
}

TEST_F(ServerTest, TypedCallGoesThereAndBack) {
  server_.Handle<grpc::CheckRequest, grpc::VersionCheckResponse>(
      "grpc.Health", "Version",
      [](const CallContext&, const grpc::CheckRequest& in, grpc::VersionCheckResponse& out) {
        out.set_agent_version("of " + in.service());
        return absl::OkStatus();
      });
  Start();
  grpc::CheckRequest request;
  request.set_service("me");
  auto response = client_->Call<grpc::VersionCheckResponse>("grpc.Health", "Version", request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->agent_version(), "of me");
  EXPECT_TRUE(absl::IsInvalidArgument(client_->CallRaw("grpc.Health", "Version", "\xff\xff", {}).status()));
}

TEST_F(ServerTest, UnknownNamesAreUnimplemented) {
  Handle("Echo", Echo);
  Start();
  EXPECT_EQ(client_->CallRaw("Nobody", "Echo", "", {}).status(), absl::UnimplementedError("service Nobody"));
  EXPECT_EQ(Call("Nothing").status(), absl::UnimplementedError("method Nothing"));
}

TEST_F(ServerTest, MetadataAndDeadlineReachTheHandler) {
  Handle("Look", [](const CallContext& call, std::string_view, std::string& out) {
    for (const auto& [key, value] : call.metadata()) out += key + "=" + value + ";";
    EXPECT_TRUE(call.deadline().has_value());
    EXPECT_FALSE(call.cancelled());
    return absl::OkStatus();
  });
  Start();
  EXPECT_EQ(*Call("Look", "", {.timeout = std::chrono::hours(1), .metadata = {{"a", "1"}, {"a", "2"}}}),
            "a=1;a=2;");
}

TEST_F(ServerTest, CallWithoutTimeoutHasNoDeadline) {
  Handle("Look", [](const CallContext& call, std::string_view, std::string&) {
    EXPECT_FALSE(call.deadline().has_value());
    EXPECT_TRUE(call.metadata().empty());
    return absl::OkStatus();
  });
  Start();
  EXPECT_TRUE(Call("Look").ok());
}

TEST_F(ServerTest, HandlerStatusIsTheAnswer) {
  Handle("Fail", [](const CallContext&, std::string_view, std::string& out) {
    out = "must not be sent";
    return absl::FailedPreconditionError("bad \xff bytes");
  });
  Start();
  EXPECT_EQ(Call("Fail").status(), absl::FailedPreconditionError("bad ? bytes"));
}

TEST_F(ServerTest, ExceptionBecomesInternal) {
  Handle("Throw", [](const CallContext&, std::string_view, std::string&) -> absl::Status {
    throw std::runtime_error("boom");
  });
  Handle("ThrowOdd", [](const CallContext&, std::string_view, std::string&) -> absl::Status { throw 42; });
  Handle("Echo", Echo);
  Start();
  const absl::Status status = Call("Throw").status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_NE(status.message().find("boom"), absl::string_view::npos);
  EXPECT_TRUE(absl::IsInternal(Call("ThrowOdd").status()));
  EXPECT_EQ(*Call("Echo", "still here"), "still here");
}

TEST_F(ServerTest, InterceptorDecidesBeforeTheHandler) {
  std::atomic<int> handled = 0;
  Handle("Echo", Echo);
  Handle("Secret", [&](const CallContext&, std::string_view, std::string&) {
    ++handled;
    return absl::OkStatus();
  });
  server_.SetInterceptor([](const Server::Invocation& invocation) {
    EXPECT_EQ(invocation.service, "Test");
    return invocation.method == "Secret" ? absl::PermissionDeniedError("no") : absl::OkStatus();
  });
  Start();
  EXPECT_EQ(Call("Secret").status(), absl::PermissionDeniedError("no"));
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(*Call("Echo", "yes"), "yes");
}

TEST_F(ServerTest, TwoHundredCallsRunAtOnce) {
  constexpr int kCalls = 200;
  std::latch all(kCalls);
  Handle("Meet", [&](const CallContext&, std::string_view in, std::string& out) {
    all.arrive_and_wait();  // would never open if calls waited for each other
    out = in;
    return absl::OkStatus();
  });
  Start();
  std::vector<std::future<Result>> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(std::async(std::launch::async, [this, i] { return Call("Meet", std::to_string(i)); }));
  }
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(*calls[static_cast<size_t>(i)].get(), std::to_string(i));
}

TEST_F(ServerTest, LargePayloadsPassBothWays) {
  Handle("Echo", Echo);
  Start();
  const std::string large(4'000'000, 'x');
  const Result result = Call("Echo", large);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(*result == large);
}

TEST_F(ServerTest, CancelledCallRunsCallbackAtOnce) {
  std::promise<void> ran;
  Handle("Late", [&](const CallContext& call, std::string_view, std::string&) {
    auto cancelled = std::make_shared<std::promise<void>>();
    call.OnCancel([cancelled] { cancelled->set_value(); });
    cancelled->get_future().wait();
    call.OnCancel([&] { ran.set_value(); });
    return absl::OkStatus();
  });
  Start();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(Call("Late", "", {.timeout = std::chrono::milliseconds(20)}).status()));
  ran.get_future().wait();
}

TEST_F(ServerTest, CancelScopeMayReferToTheHandlersStack) {
  Handle("Race", [](const CallContext& call, std::string_view, std::string&) {
    auto on_stack = std::make_unique<std::atomic<int>>(1);
    const CancelScope first(call, [&] { *on_stack += 1; });
    const CancelScope second(call, [&] { *on_stack += 1; });
    std::this_thread::yield();
    return absl::OkStatus();
  });
  Start();
  for (int i = 0; i < 300; ++i) {
    Call("Race", "", {.timeout = std::chrono::microseconds(50 + i)}).IgnoreError();
  }
}

TEST_F(ServerTest, HandlerMayShutDownTheServerAndItsAnswerArrives) {
  Handle("Quit", [this](const CallContext&, std::string_view, std::string& out) {
    server_.Shutdown();
    out = "bye";
    return absl::OkStatus();
  });
  Start();
  EXPECT_EQ(*Call("Quit"), "bye");
}

TEST_F(ServerTest, ConnectionAfterShutdownIsClosed) {
  Handle("Echo", Echo);
  server_.Shutdown();
  Start();
  EXPECT_TRUE(absl::IsUnavailable(Call("Echo").status()));
}

// What a caller that waits for each answer relies on.
TEST_F(ServerTest, SerialCallsKeepTheirOrder) {
  std::vector<int> order;
  Handle("Note", [&](const CallContext&, std::string_view in, std::string&) {
    order.push_back(std::stoi(std::string(in)));
    return absl::OkStatus();
  });
  Start();
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(Call("Note", std::to_string(i)).ok());
  for (int i = 0; i < 500; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

class ListeningTest : public testing::Test {
 protected:
  ListeningTest() {
    absl::StatusOr<TempDir> dir = TempDir::Create("ttrpc");
    EXPECT_TRUE(dir.ok()) << dir.status();
    path_ = dir->path() + "/socket";
    dir_ = std::make_unique<TempDir>(*std::move(dir));
    absl::StatusOr<UniqueFd> listener = ListenUnix(path_);
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    server_.HandleRaw("Test", "Echo", Echo);
    serving_ = std::async(std::launch::async, [this] { return server_.Serve(listener_.get()); });
  }
  std::unique_ptr<Client> Connect() {
    absl::StatusOr<UniqueFd> fd = ConnectUnix(path_);
    EXPECT_TRUE(fd.ok()) << fd.status();
    return std::make_unique<Client>(*std::move(fd));
  }

  std::unique_ptr<TempDir> dir_;
  std::string path_;
  UniqueFd listener_;
  Server server_;
  std::future<absl::Status> serving_;
};

TEST_F(ListeningTest, ServesManyConnections) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(Connect());
  for (auto& client : clients) EXPECT_EQ(*client->CallRaw("Test", "Echo", "hi", {}), "hi");
  server_.Shutdown();
  EXPECT_TRUE(serving_.get().ok());
  for (auto& client : clients) {
    EXPECT_TRUE(absl::IsUnavailable(client->CallRaw("Test", "Echo", "hi", {}).status()));
  }
}

TEST_F(ListeningTest, ShutdownWakesIdleServe) {
  server_.Shutdown();
  EXPECT_TRUE(serving_.get().ok());
  server_.Shutdown();
}

TEST_F(ListeningTest, ConnectionsComeAndGo) {
  for (int i = 0; i < 200; ++i) {
    std::unique_ptr<Client> client = Connect();
    if (i % 3 == 0) continue;
    EXPECT_EQ(*client->CallRaw("Test", "Echo", "hi", {}), "hi");
  }
  server_.Shutdown();
  EXPECT_TRUE(serving_.get().ok());
}

TEST(ServeTest, BadListenerIsAnError) {
  Server server;
  EXPECT_FALSE(server.Serve(-1).ok());
}

}  // namespace
}  // namespace cc::ttrpc
