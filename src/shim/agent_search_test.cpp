// SPDX-License-Identifier: Apache-2.0
#include "shim/agent_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

#include "base/file.h"
#include "base/socket.h"

namespace cc::shim {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kLong{600};

class AgentSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-search");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
  }
  std::string ready() const { return dir_->path() + "/ready"; }
  // Dialling succeeds at the `n`th try, never when 0.
  std::unique_ptr<AgentSearch> Search(int n) {
    absl::StatusOr<UniqueFd> listener = ListenUnix(ready());
    EXPECT_TRUE(listener.ok());
    return std::make_unique<AgentSearch>(std::move(*listener), [this, n]() -> absl::StatusOr<UniqueFd> {
      if (++tries_ != n) return absl::UnavailableError("nobody listens");
      auto pair = SocketPair();
      return std::move(pair->first);
    });
  }

  std::unique_ptr<TempDir> dir_;
  std::atomic<int> tries_ = 0;
};

TEST_F(AgentSearchTest, AnAgentThatSaysNothingIsFoundByDialling) {
  EXPECT_TRUE(Search(3)->Run(kLong).ok());
  EXPECT_EQ(tries_, 3);
}

TEST_F(AgentSearchTest, AnAgentThatConnectsIsDialled) {
  const std::unique_ptr<AgentSearch> search = Search(1);
  const absl::StatusOr<UniqueFd> push = ConnectUnix(ready());
  ASSERT_TRUE(push.ok());
  EXPECT_TRUE(search->Run(kLong).ok());
}

TEST_F(AgentSearchTest, EndsWithItsVm) {
  const std::unique_ptr<AgentSearch> before = Search(1);
  before->Cancel();
  EXPECT_EQ(before->Run(kLong).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(tries_, 0);
  const std::unique_ptr<AgentSearch> meanwhile = Search(0);
  auto running = std::async(std::launch::async, [&] { return meanwhile->Run(kLong).status(); });
  meanwhile->Cancel();
  EXPECT_THAT(running.get().ToString(), HasSubstr("the VM ended"));
}

TEST_F(AgentSearchTest, GivesUpWithTheSettingAndTheLastError) {
  const absl::Status status = Search(0)->Run(std::chrono::seconds(0)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("within 0 s (vmm.boot_timeout_s): nobody listens"));
}

}  // namespace
}  // namespace cc::shim
