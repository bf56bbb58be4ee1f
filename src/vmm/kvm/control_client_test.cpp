// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/control_client.h"

#include <gtest/gtest.h>

#include "base/socket.h"
#include "base/thread.h"

namespace cc::vmm::kvm {
namespace {

using nlohmann::json;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

class ControlClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto [ours, theirs] = *SocketPair();
    theirs_ = std::move(theirs);
    loop_ = *EventLoop::Create();
    client_ = *ControlClient::Create(loop_.get(), std::move(ours));
    thread_ = *Thread::Start("loop", [this] { loop_->Run(); });
  }
  void TearDown() override {
    if (peer_.joinable()) peer_.Join();
    loop_->Stop();
    thread_.Join();
  }
  // The next message gets this reply, with its id.
  void Answer(json reply) {
    peer_ = *Thread::Start("peer", [this, reply]() mutable {
      const auto message = reader_.Next(theirs_.get(), true);
      ASSERT_TRUE(message.ok());
      reply["id"] = NumberOf(**message, "id");
      EXPECT_TRUE(SendMessage(theirs_.get(), reply).ok());
    });
  }

  UniqueFd theirs_;
  MessageReader reader_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<ControlClient> client_;
  Thread thread_, peer_;
};

TEST_F(ControlClientTest, ReplyIsTheCallsStatus) {
  Answer(json::object());
  EXPECT_TRUE(client_->Call({{"verb", "start"}}, 30s).ok());
  peer_.Join();
  Answer({{"code", 3}, {"message", "too small"}});
  EXPECT_EQ(client_->Call({{"verb", "create"}}, 30s), absl::InvalidArgumentError("too small"));
}

TEST_F(ControlClientTest, SilenceAndDeathAreTold) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->Call({{"verb", "pause"}}, 10ms)));
  peer_ = *Thread::Start("peer", [this] { theirs_.reset(); });
  EXPECT_TRUE(absl::IsUnavailable(client_->Call({{"verb", "pause"}}, 30s)));
  EXPECT_TRUE(absl::IsUnavailable(client_->Call({{"verb", "pause"}}, 30s)));
}

TEST_F(ControlClientTest, EndingIsKept) {
  EXPECT_FALSE(client_->ending().has_value());
  ASSERT_TRUE(SendMessage(theirs_.get(), {{"ended", "guest powered off"}}).ok());
  Answer(json::object());
  EXPECT_TRUE(client_->Call({{"verb", "resume"}}, 30s).ok());
  EXPECT_EQ(client_->ending(), "guest powered off");
}

TEST_F(ControlClientTest, GarbageEndsTheConnection) {
  ASSERT_TRUE(SendFull(theirs_.get(), "garbage\n").ok());
  EXPECT_TRUE(absl::IsUnavailable(client_->Call({{"verb", "resume"}}, 30s)));
}

}  // namespace
}  // namespace cc::vmm::kvm
