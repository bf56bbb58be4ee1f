// SPDX-License-Identifier: Apache-2.0
#include "shim/relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>

#include "base/socket.h"
#include "shim/read_all.h"

namespace cc::shim {
namespace {

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto left = SocketPair();
    auto right = SocketPair();
    ASSERT_TRUE(left.ok() && right.ok());
    a_ = std::move(left->first);
    b_ = std::move(right->first);
    relay_ = std::async(std::launch::async, [near = std::move(left->second), far = std::move(right->second)] {
      RelayIdleFree(near.get(), far.get());
    });
  }
  UniqueFd a_, b_;
  std::future<void> relay_;
};

TEST_F(RelayTest, CarriesMuchBothWaysAtOnceAndPassesHalfClosesOn) {
  const std::string forth(5 << 20, 'f');
  const std::string back(3 << 20, 'b');
  auto send_forth = std::async(std::launch::async, [&] {
    EXPECT_TRUE(SendFull(a_.get(), forth).ok());
    ::shutdown(a_.get(), SHUT_WR);
  });
  auto read_back = std::async(std::launch::async, [&] { return ReadAll(a_.get()); });
  auto send_back = std::async(std::launch::async, [&] {
    EXPECT_TRUE(SendFull(b_.get(), back).ok());
    ::shutdown(b_.get(), SHUT_WR);
  });
  EXPECT_EQ(ReadAll(b_.get()), forth);
  EXPECT_EQ(read_back.get(), back);
  relay_.get();
}

TEST_F(RelayTest, AnswerAfterTheEndOfTheRequestStillArrives) {
  ASSERT_TRUE(SendFull(a_.get(), "request").ok());
  ::shutdown(a_.get(), SHUT_WR);
  EXPECT_EQ(ReadAll(b_.get()), "request");
  ASSERT_TRUE(SendFull(b_.get(), "answer").ok());
  b_.reset();
  EXPECT_EQ(ReadAll(a_.get()), "answer");
  relay_.get();
}

TEST_F(RelayTest, EndsWhenASideVanishes) {
  ASSERT_TRUE(SendFull(a_.get(), "x").ok());
  a_.reset();
  b_.reset();
  relay_.get();
}

}  // namespace
}  // namespace cc::shim
