// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "jose/base64.h"
#include "trustee/store/memory_store.h"

namespace cc::trustee {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class SessionTest : public ::testing::Test {
 protected:
  int64_t now_ = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  std::shared_ptr<Store> store_ = std::make_shared<MemoryStore>(3000);
  Sessions sessions_{store_, [this] { return now_; }, 300};
};

TEST_F(SessionTest, CookieAndNonceHaveTheFormOfTheProtocol) {
  const auto session = sessions_.Open("cca");
  ASSERT_TRUE(session.ok());
  EXPECT_THAT(session->id, MatchesRegex("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}"));
  EXPECT_EQ(session->cookie, "kbs-session-id=" + session->id + "; Expires=Sun, 06 Nov 1994 08:54:37 GMT");
  EXPECT_EQ(session->nonce.size(), 44u);
  EXPECT_EQ(jose::Base64Decode(session->nonce)->size(), 32u);
}

TEST_F(SessionTest, NoncesAndIdsDoNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto session = sessions_.Open("cca");
    EXPECT_TRUE(seen.insert(session->id).second);
    EXPECT_TRUE(seen.insert(session->nonce).second);
  }
}

TEST_F(SessionTest, AnAttestedSessionGivesItsToken) {
  const auto session = *sessions_.Open("cca");
  EXPECT_EQ(sessions_.Token(session.id).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(sessions_.Begin(session.id, session.nonce)->tee, "cca");
  ASSERT_TRUE(sessions_.Complete(session.id, "token").ok());
  EXPECT_EQ(*sessions_.Token(session.id), "token");
  EXPECT_EQ(sessions_.Begin(session.id, session.nonce)->token, "token");
}

TEST_F(SessionTest, ANonceWorksOnceEvenWhenItsEvidenceFails) {
  const auto session = *sessions_.Open("cca");
  ASSERT_TRUE(sessions_.Begin(session.id, session.nonce).ok());
  const auto replay = sessions_.Begin(session.id, session.nonce);
  EXPECT_EQ(replay.status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(replay.status().message()), HasSubstr("used already"));
}

TEST_F(SessionTest, OneOfManyParallelAttemptsGetsThrough) {
  const auto session = *sessions_.Open("cca");
  std::atomic<int> through = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { through += sessions_.Begin(session.id, session.nonce).ok(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(through, 1);
}

TEST_F(SessionTest, RefusesOtherNoncesStrangersAndTheExpired) {
  const auto mine = *sessions_.Open("cca");
  const auto other = *sessions_.Open("cca");
  EXPECT_FALSE(sessions_.Begin(mine.id, other.nonce).ok());
  EXPECT_FALSE(sessions_.Begin(mine.id, "").ok());
  EXPECT_FALSE(sessions_.Begin("0123456789abcdef0123456789abcdef", mine.nonce).ok());
  // A wrong nonce does not use the right one up.
  EXPECT_TRUE(sessions_.Begin(mine.id, mine.nonce).ok());
  now_ += 300;
  EXPECT_FALSE(sessions_.Begin(other.id, other.nonce).ok());
  EXPECT_FALSE(sessions_.Complete(mine.id, "token").ok());
  EXPECT_FALSE(sessions_.Token(mine.id).ok());
}

TEST_F(SessionTest, TheLabelDoesNotGiveTheCookieAway) {
  const auto session = *sessions_.Open("cca");
  EXPECT_EQ(SessionLabel(session.id).size(), 16u);
  EXPECT_EQ(session.id.find(SessionLabel(session.id)), std::string::npos);
}

}  // namespace
}  // namespace cc::trustee
