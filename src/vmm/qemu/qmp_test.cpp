// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/qmp.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/thread.h"

namespace cc::vmm::qemu {
namespace {

using std::chrono_literals::operator""s;

class QmpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    auto pair = *SocketPair();
    far_ = std::move(pair.second);
    qmp_ = *Qmp::Create(loop_.get(), std::move(pair.first));
    thread_ = *Thread::Start("loop", [this] { loop_->Run(); });
    EXPECT_EQ(ReadLine(), R"({"execute":"qmp_capabilities","id":0})");
  }
  void TearDown() override {
    loop_->Stop();
    thread_.Join();
  }
  std::string ReadLine() {
    std::string line;
    char c;
    while (ReadFull(far_.get(), &c, 1).ok() && c != '\n') line.push_back(c);
    return line;
  }
  void Reply(std::string_view line) { ASSERT_TRUE(SendFull(far_.get(), StrCat(line, "\n")).ok()); }
  // Runs a command while `answer` plays QEMU.
  absl::Status Execute(std::function<void()> answer) {
    Thread thread = *Thread::Start("qemu", [&] {
      ReadLine();
      answer();
    });
    return qmp_->Execute("stop", 60s);
  }
  std::unique_ptr<EventLoop> loop_;
  UniqueFd far_;
  std::unique_ptr<Qmp> qmp_;
  Thread thread_;
};

TEST_F(QmpTest, ReturnsTheAnswerOfItsCommand) {
  EXPECT_TRUE(Execute([&] {
                Reply(R"({"QMP": {"version": {}}})");
                Reply(R"({"return": {}, "id": 0})");
                Reply(R"({"event": "STOP", "timestamp": {}})");
                Reply(R"({"return": {}, "id": 1})");
              }).ok());
}

TEST_F(QmpTest, ReturnsARefusalInQemusWords) {
  const absl::Status status =
      Execute([&] { Reply(R"({"error": {"class": "GenericError", "desc": "not now"}, "id": 1})"); });
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("not now"), absl::string_view::npos);
}

TEST_F(QmpTest, ACommandEndsWithQemu) {
  EXPECT_TRUE(absl::IsUnavailable(Execute([&] { far_.reset(); })));
  EXPECT_TRUE(absl::IsUnavailable(qmp_->Execute("cont", 60s)));
}

TEST_F(QmpTest, ACommandDoesNotWaitForEver) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(qmp_->Execute("stop", 0s)));
}

TEST_F(QmpTest, RemembersWhyTheGuestEnded) {
  EXPECT_FALSE(qmp_->shutdown_reason().has_value());
  Execute([&] {
    Reply(R"({"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}})");
    Reply(R"({"return": {}, "id": 1})");
  }).IgnoreError();
  EXPECT_EQ(qmp_->shutdown_reason(), "guest-shutdown");
}

TEST_F(QmpTest, SurvivesLinesThatAreNoQmp) {
  EXPECT_TRUE(Execute([&] {
                for (const char* line :
                     {"", "{", "null", "[1,2]", "\"x\"", "{\"id\": \"1\"}", "{\"id\": -1}", "{\"event\": 7}",
                      "{\"event\": \"SHUTDOWN\"}", "{\"event\": \"SHUTDOWN\", \"data\": 3}", "\xff\xfe",
                      "{\"return\": {}, \"id\": 99}"}) {
                  Reply(line);
                }
                Reply(std::string(1000, '['));
                Reply(R"({"return": {}, "id": 1})");
              }).ok());
}

TEST_F(QmpTest, AnEndlessLineClosesTheConnection) {
  EXPECT_TRUE(absl::IsUnavailable(Execute([&] {
    const std::string piece(4096, 'x');
    while (SendFull(far_.get(), piece).ok()) {
    }
  })));
}

}  // namespace
}  // namespace cc::vmm::qemu
