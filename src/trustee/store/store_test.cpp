// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "trustee/store/memory_store.h"
#include "trustee/store/postgres_store.h"
#include "trustee/store/sqlite_store.h"
#include "trustee/store/test_postgres.h"

namespace cc::trustee {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr int64_t kNow = 1000;

enum class Kind { kMemory, kSqlite, kPostgres };

// What every store promises.
class StoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  // One server for all tests, which clear its table.
  static void SetUpTestSuite() {
    postgres_ = std::make_unique<TestPostgres>();
    postgres_->Start();
  }
  static void TearDownTestSuite() { postgres_.reset(); }

  void SetUp() override {
    if (GetParam() == Kind::kPostgres) {
      auto opened = PostgresStore::Open(*PostgresAddress::Parse(postgres_->address()), 4);
      ASSERT_TRUE(opened.ok()) << opened.status();
      store_ = *std::move(opened);
      auto connection = PostgresConnection::Open(*PostgresAddress::Parse(postgres_->address()));
      ASSERT_TRUE(connection.ok() && connection->Query("clear", "DELETE FROM cc_trustee_entry").ok());
    } else if (GetParam() == Kind::kSqlite) {
      auto opened = SqliteStore::Open(dir_.path() + "/trustee.db");
      ASSERT_TRUE(opened.ok()) << opened.status();
      store_ = *std::move(opened);
    } else {
      store_ = std::make_unique<MemoryStore>(1000);
    }
  }
  TempDir dir_ = *TempDir::Create("store");
  static inline std::unique_ptr<TestPostgres> postgres_;
  std::unique_ptr<Store> store_;
};

std::string KindName(const ::testing::TestParamInfo<Kind>& info) {
  if (info.param == Kind::kMemory) return "Memory";
  return info.param == Kind::kSqlite ? "Sqlite" : "Postgres";
}
INSTANTIATE_TEST_SUITE_P(All, StoreTest, ::testing::Values(Kind::kMemory, Kind::kSqlite, Kind::kPostgres),
                         KindName);

TEST_P(StoreTest, KeepsBytesAsTheyAre) {
  const std::string bytes("\0\xff'; DROP TABLE entry; --\n", 26);
  ASSERT_TRUE(store_->Put(Area::kResource, {{"a/b/c", bytes}, {"empty", ""}}).ok());
  EXPECT_THAT(*store_->Get(Area::kResource, "a/b/c", kNow), Optional(bytes));
  EXPECT_THAT(*store_->Get(Area::kResource, "empty", kNow), Optional(std::string()));
  EXPECT_EQ(*store_->Get(Area::kResource, "a/b", kNow), std::nullopt);
  ASSERT_TRUE(store_->Put(Area::kResource, {{"a/b/c", "new"}}).ok());
  EXPECT_THAT(*store_->Get(Area::kResource, "a/b/c", kNow), Optional(std::string("new")));
}

TEST_P(StoreTest, AreasDoNotSeeEachOther) {
  ASSERT_TRUE(store_->Put(Area::kResource, {{"name", "secret"}}).ok());
  EXPECT_EQ(*store_->Get(Area::kPolicy, "name", kNow), std::nullopt);
  EXPECT_THAT(*store_->List(Area::kPolicy, kNow), IsEmpty());
  EXPECT_FALSE(*store_->Remove(Area::kPolicy, "name"));
  EXPECT_THAT(*store_->List(Area::kResource, kNow), ElementsAre("name"));
}

TEST_P(StoreTest, ValuesEndAtTheirTime) {
  ASSERT_TRUE(store_->Put(Area::kSession, {{"s", "x"}}, kNow + 10).ok());
  EXPECT_TRUE(store_->Get(Area::kSession, "s", kNow + 9)->has_value());
  EXPECT_FALSE(store_->Get(Area::kSession, "s", kNow + 10)->has_value());
  EXPECT_FALSE(*store_->Exchange(Area::kSession, "s", "x", "y", kNow + 10));
  EXPECT_THAT(*store_->List(Area::kSession, kNow + 10), IsEmpty());
  EXPECT_EQ(*store_->Sweep(kNow + 9), 0u);
  EXPECT_EQ(*store_->Sweep(kNow + 10), 1u);
  EXPECT_FALSE(store_->Get(Area::kSession, "s", kNow)->has_value());
}

TEST_P(StoreTest, OnlyOneOfManyExchangesWins) {
  ASSERT_TRUE(store_->Put(Area::kSession, {{"s", "fresh"}}, kNow + 10).ok());
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto mine = store_->Exchange(Area::kSession, "s", "fresh", "used", kNow);
      ASSERT_TRUE(mine.ok()) << mine.status();
      won += *mine;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_P(StoreTest, InsertsOnlyWhereThereIsNothing) {
  EXPECT_TRUE(*store_->Insert(Area::kKey, "token", "first"));
  EXPECT_FALSE(*store_->Insert(Area::kKey, "token", "second"));
  EXPECT_THAT(*store_->Get(Area::kKey, "token", kNow), Optional(std::string("first")));
}

TEST_P(StoreTest, ListsInOrderAndRemoves) {
  ASSERT_TRUE(store_->Put(Area::kPolicy, {{"b", "1"}, {"a", "2"}}).ok());
  EXPECT_THAT(*store_->List(Area::kPolicy, kNow), ElementsAre("a", "b"));
  EXPECT_TRUE(*store_->Remove(Area::kPolicy, "a"));
  EXPECT_FALSE(*store_->Remove(Area::kPolicy, "a"));
  EXPECT_THAT(*store_->List(Area::kPolicy, kNow), ElementsAre("b"));
}

TEST(MemoryStoreTest, WhatExpiresNextMakesRoom) {
  MemoryStore store(3);
  ASSERT_TRUE(store.Put(Area::kSession, {{"late", ""}}, 9).ok());
  ASSERT_TRUE(store.Put(Area::kSession, {{"early", ""}}, 5).ok());
  ASSERT_TRUE(store.Put(Area::kSession, {{"prolonged", ""}}, 4).ok());
  ASSERT_TRUE(store.Remove(Area::kSession, "prolonged").ok());
  ASSERT_TRUE(store.Put(Area::kSession, {{"prolonged", ""}}, 8).ok());
  ASSERT_TRUE(store.Put(Area::kSession, {{"new", ""}}, 9).ok());
  EXPECT_THAT(*store.List(Area::kSession, 1), ElementsAre("late", "new", "prolonged"));
  EXPECT_EQ(*store.Sweep(8), 1u);
  EXPECT_THAT(*store.List(Area::kSession, 1), ElementsAre("late", "new"));
}

TEST(MemoryStoreTest, IsFullOfWhatNeverExpires) {
  MemoryStore store(2);
  ASSERT_TRUE(store.Put(Area::kPolicy, {{"a", ""}}).ok());
  ASSERT_TRUE(store.Put(Area::kSession, {{"b", ""}}, 5).ok());
  EXPECT_TRUE(store.Put(Area::kPolicy, {{"c", ""}}).ok());
  EXPECT_EQ(store.Put(Area::kSession, {{"d", ""}}, 5).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(*store.List(Area::kPolicy, 1), ElementsAre("a", "c"));
}

TEST(SqliteStoreTest, FileIsForTheOwnerOnlyAndOutlivesTheProcess) {
  const TempDir dir = *TempDir::Create("store");
  const std::string path = dir.path() + "/trustee.db";
  {
    auto store = *SqliteStore::Open(path);
    ASSERT_TRUE(store->Put(Area::kResource, {{"a/b/c", "secret"}}).ok());
    for (const char* suffix : {"", "-wal", "-shm"}) {
      struct stat info {};
      ASSERT_EQ(::stat((path + suffix).c_str(), &info), 0) << suffix;
      EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
    }
  }
  auto store = *SqliteStore::Open(path);
  EXPECT_THAT(*store->Get(Area::kResource, "a/b/c", kNow), Optional(std::string("secret")));
}

TEST(SqliteStoreTest, RefusesFilesThatAreNotItsOwn) {
  const TempDir dir = *TempDir::Create("store");
  const std::string garbage = dir.path() + "/garbage";
  ASSERT_TRUE(WriteFileAtomic(garbage, std::string(8192, 'x'), 0600).ok());
  EXPECT_FALSE(SqliteStore::Open(garbage).ok());
  const std::string foreign = dir.path() + "/foreign";
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(foreign.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  EXPECT_EQ(SqliteStore::Open(foreign).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(SqliteStore::Open(dir.path() + "/no/such/dir").ok());
}

// Writes pairs that belong together until it is killed; the parent then finds no half of anything.
TEST(SqliteStoreTest, KilledInTheMiddleOfWritesItHasNoHalfWrittenValue) {
  const TempDir dir = *TempDir::Create("store");
  const std::string path = dir.path() + "/trustee.db";
  for (int round = 0; round < 5; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = SqliteStore::Open(path);
      for (uint32_t i = 0; store.ok(); ++i) {
        const std::string value(100000 + i, static_cast<char>('a' + i % 26));
        if (!(*store)->Put(Area::kResource, {{"one", value}, {"two", value}}).ok()) break;
        if (::write(pipe_fds[1], "x", 1) != 1) break;
      }
      ::_exit(1);
    }
    char written = 0;
    for (int i = 0; i < 3; ++i) ASSERT_EQ(::read(pipe_fds[0], &written, 1), 1);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pipe_fds[0]);
    ::close(pipe_fds[1]);

    auto store = SqliteStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto one = *(*store)->Get(Area::kResource, "one", kNow);
    const auto two = *(*store)->Get(Area::kResource, "two", kNow);
    ASSERT_TRUE(one.has_value() && two.has_value());
    EXPECT_EQ(*one, *two);
    EXPECT_EQ(*one, std::string(one->size(), one->front()));
    EXPECT_EQ((one->size() - 100000) % 26, static_cast<size_t>(one->front() - 'a'));
  }
}

}  // namespace
}  // namespace cc::trustee
