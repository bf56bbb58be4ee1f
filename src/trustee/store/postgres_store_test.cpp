// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/postgres_store.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <atomic>

#include "trustee/key_file.h"
#include "trustee/store/test_postgres.h"

namespace cc::trustee {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

constexpr int64_t kNow = 1000;

class PostgresStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { postgres_.Start(); }
  std::unique_ptr<PostgresStore> Open(unsigned connections = 4) {
    auto opened = PostgresStore::Open(*PostgresAddress::Parse(postgres_.address()), connections);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  TestPostgres postgres_;
};

TEST(PostgresAddressTest, RefusesTextWithoutQuotingTheSecretInIt) {
  for (const char* text :
       {"host=db password=hunter2 nonsense", "postgresql://u:hunter2@host:port/db?x=1", "hunter2"}) {
    const auto address = PostgresAddress::Parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(std::string(address.status().message()), Not(HasSubstr("hunter2")));
  }
}

TEST(PostgresAddressTest, ModesThatCheckNoCertificateNeedAnInsecureSetting) {
  for (const char* mode : {"disable", "allow", "prefer", "require"}) {
    const std::string text = StrCat("host=db password=hunter2 sslmode=", mode);
    const auto address = PostgresAddress::Parse(text);
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(address.status().message()), HasSubstr("insecure_postgres_plaintext"));
    EXPECT_TRUE(PostgresAddress::Parse(text, AllowPlaintextDatabase{}).ok());
  }
  EXPECT_TRUE(PostgresAddress::Parse("host=db sslmode=verify-full sslrootcert=ca.pem").ok());
  EXPECT_STREQ(PostgresAddress::Parse("host=db")->default_ssl_mode(), "verify-full");
}

TEST(PostgresAddressTest, ADatabaseThatIsNotThereIsUnavailable) {
  const auto store = PostgresStore::Open(*PostgresAddress::Parse("host=/nonexistent dbname=x"), 1);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(PostgresStoreTest, ReplicasMayStartAtOnceAndShareOneKey) {
  const TempDir dir = *TempDir::Create("keys");
  std::vector<std::thread> threads;
  std::vector<std::string> prints(4);
  for (size_t i = 0; i < prints.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto store = Open(1);
      const auto key =
          ShareKey(*store, "token.key", StrCat(dir.path(), "/", i, ".key"), jose::KeyType::kP256);
      ASSERT_TRUE(key.ok()) << key.status();
      prints[i] = key->Thumbprint();
      EXPECT_EQ(LoadKey(StrCat(dir.path(), "/", i, ".key"))->Thumbprint(), prints[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(prints, ::testing::Each(prints[0]));
  // A replica that already has a key of its own must not go on with it.
  const std::string foreign = dir.path() + "/foreign.key";
  ASSERT_TRUE(LoadOrMakeKey(foreign, jose::KeyType::kP256).ok());
  EXPECT_EQ(ShareKey(*Open(1), "token.key", foreign, jose::KeyType::kP256).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(PostgresStoreTest, MoreCallersThanConnectionsTakeTurns) {
  const auto store = Open(2);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const std::string name = std::to_string(i);
      good += store->Put(Area::kResource, {{"shared", name}, {name, name}}).ok() &&
              *store->Get(Area::kResource, name, kNow) == name;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 12);
}

TEST_F(PostgresStoreTest, ALaterSchemaIsRefused) {
  Open();
  auto connection = PostgresConnection::Open(*PostgresAddress::Parse(postgres_.address()));
  ASSERT_TRUE(connection.ok() && connection->Query("age", "UPDATE cc_trustee_schema SET version = 2").ok());
  EXPECT_EQ(PostgresStore::Open(*PostgresAddress::Parse(postgres_.address()), 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// Pairs that belong together are written until the writer or the server dies; no half of a pair is found.
void CheckPair(Store& store, size_t least) {
  const auto one = store.Get(Area::kResource, "one", kNow);
  const auto two = store.Get(Area::kResource, "two", kNow);
  ASSERT_TRUE(one.ok() && two.ok() && one->has_value() && two->has_value());
  EXPECT_EQ(**one, **two);
  EXPECT_GE((*one)->size(), 100000 + least);
  EXPECT_EQ(**one, std::string((*one)->size(), static_cast<char>('a' + ((*one)->size() - 100000) % 26)));
}

TEST_F(PostgresStoreTest, AWriterKilledInTheMiddleLeavesNoHalfWrittenValue) {
  const auto store = Open();
  for (int round = 0; round < 3; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto own = PostgresStore::Open(*PostgresAddress::Parse(postgres_.address()), 1);
      for (uint32_t i = 0; own.ok(); ++i) {
        const std::string value(100000 + i, static_cast<char>('a' + i % 26));
        if (!(*own)->Put(Area::kResource, {{"one", value}, {"two", value}}).ok()) break;
        if (::write(pipe_fds[1], "x", 1) != 1) break;
      }
      ::_exit(1);
    }
    ::close(pipe_fds[1]);
    char written = 0;
    for (int i = 0; i < 3; ++i) ASSERT_EQ(::read(pipe_fds[0], &written, 1), 1);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pipe_fds[0]);
    CheckPair(*store, 2);
  }
}

TEST_F(PostgresStoreTest, AServerKilledInTheMiddleIsUnavailableAndKeepsWhatItAcknowledged) {
  const auto store = Open();
  std::atomic<uint32_t> acknowledged = 0;
  absl::Status end;
  std::thread writer([&] {
    for (uint32_t i = 0; end.ok(); ++i) {
      const std::string value(100000 + i, static_cast<char>('a' + i % 26));
      end = store->Put(Area::kResource, {{"one", value}, {"two", value}});
      if (end.ok()) acknowledged = i;
    }
  });
  while (acknowledged < 3) std::this_thread::yield();
  postgres_.Kill();
  writer.join();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
  EXPECT_EQ(store->Get(Area::kResource, "one", kNow).status().code(), absl::StatusCode::kUnavailable);
  postgres_.Start();
  CheckPair(*store, acknowledged);
}

}  // namespace
}  // namespace cc::trustee
