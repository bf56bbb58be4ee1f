// SPDX-License-Identifier: Apache-2.0
#include "shim/agent_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/socket.h"
#include "ttrpc/server.h"

namespace cc::shim {
namespace {

using ::testing::HasSubstr;

// An agent that has one event to report and answers health checks unless it is `silent`.
class AgentWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Handle<grpc::CheckRequest, grpc::HealthCheckResponse>(
        std::string(agent_proto::kHealthService), "Check",
        [this](const ttrpc::CallContext&, const grpc::CheckRequest&, grpc::HealthCheckResponse&) {
          if (silent_) ended_.wait();
          return absl::OkStatus();
        });
    server_.Handle<grpc::GetOOMEventRequest, grpc::OOMEvent>(
        std::string(agent_proto::kAgentService), "GetOOMEvent",
        [this](const ttrpc::CallContext&, const grpc::GetOOMEventRequest&,
               grpc::OOMEvent& out) -> absl::Status {
          if (reported_.exchange(true)) {
            ended_.wait();
            return absl::UnavailableError("the guest ends");
          }
          out.set_container_id("c1");
          return absl::OkStatus();
        });
    auto pair = SocketPair();
    ASSERT_TRUE(pair.ok());
    agent_ = std::make_shared<agent_proto::AgentClient>(std::move(pair->first));
    absl::StatusOr<Thread> serving = Thread::Start(
        "serve", [this, fd = std::move(pair->second)]() mutable { server_.ServeConnection(std::move(fd)); });
    ASSERT_TRUE(serving.ok());
    serving_ = std::move(*serving);
  }
  void TearDown() override {
    end_.set_value();
    watch_.reset();
    agent_->Close();
    server_.Shutdown();
    serving_.Join();
  }

  void Watch(std::chrono::seconds silence_limit = std::chrono::seconds(600)) {
    absl::StatusOr<std::unique_ptr<AgentWatch>> watch =
        AgentWatch::Start(agent_, {.silence_limit = silence_limit,
                                   .vmm_idle = [this] { return idle_; },
                                   .on_oom = [this](const std::string& id) { oom_.set_value(id); },
                                   .on_lost =
                                       [this](const std::string& reason) {
                                         if (losses_++ == 0) lost_.set_value(reason);
                                       }});
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = *std::move(watch);
  }

  bool silent_ = false;  // this and the next before Watch
  bool idle_ = false;    // the VMM
  std::atomic<bool> reported_ = false;
  std::promise<void> end_;
  const std::shared_future<void> ended_ = end_.get_future().share();
  std::promise<std::string> oom_;
  std::promise<std::string> lost_;
  std::atomic<int> losses_ = 0;
  ttrpc::Server server_;
  Thread serving_;
  std::shared_ptr<agent_proto::AgentClient> agent_;
  std::unique_ptr<AgentWatch> watch_;
};

TEST_F(AgentWatchTest, EventsAreTold) {
  Watch();
  EXPECT_EQ(oom_.get_future().get(), "c1");
  EXPECT_TRUE(watch_->Responsive().ok());
}

TEST_F(AgentWatchTest, ALostConnectionIsTold) {
  Watch();
  agent_->Close();
  EXPECT_THAT(lost_.get_future().get(), HasSubstr("connection"));
}

TEST_F(AgentWatchTest, ASilentAgentIsTold) {
  silent_ = true;
  Watch(std::chrono::seconds(1));
  EXPECT_THAT(lost_.get_future().get(), HasSubstr("did not answer for 1 s (vmm.agent_timeout_s)"));
}

TEST_F(AgentWatchTest, ASilentAgentOfAnIdleVmIsToldBeforeItsTimeIsUp) {
  silent_ = true;
  idle_ = true;
  Watch();
  EXPECT_THAT(lost_.get_future().get(), HasSubstr("owes an answer"));
}

TEST_F(AgentWatchTest, NothingIsToldOfAnAgentWhoseVmHasEnded) {
  Watch(std::chrono::seconds(1));
  watch_->VmEnded();
  watch_.reset();
  EXPECT_EQ(losses_, 0);
}

}  // namespace
}  // namespace cc::shim
