// SPDX-License-Identifier: Apache-2.0
#include "sqlite/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"

namespace cc::sqlite {
namespace {

const Schema kSchema{.program = "cc-test",
                     .application_id = 0x63637400,
                     .version = 2,
                     .create = "CREATE TABLE t (name TEXT NOT NULL PRIMARY KEY, number INTEGER)"};

class Database : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Create("/tmp/cc-sqlite");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    path_ = dir_->path() + "/db";
  }
  std::unique_ptr<TempDir> dir_;
  std::string path_;
};

absl::Status Insert(sqlite3* database, std::string_view name, int64_t number) {
  Statement insert(database, "INSERT INTO t VALUES (?, ?)");
  return insert.Text(name).Int(number).Step("insert").status();
}

TEST_F(Database, KeepsWhatIsCommittedAndForgetsWhatIsNot) {
  {
    auto db = Open(path_, kSchema);
    ASSERT_TRUE(db.ok()) << db.status();
    auto kept = Transaction::Begin(db->get());
    ASSERT_TRUE(kept.ok());
    ASSERT_TRUE(Insert(db->get(), "kept", 1).ok());
    ASSERT_TRUE(kept->Commit().ok());
    auto dropped = Transaction::Begin(db->get());
    ASSERT_TRUE(dropped.ok());
    ASSERT_TRUE(Insert(db->get(), "dropped", 2).ok());
  }
  auto db = Open(path_, kSchema);
  ASSERT_TRUE(db.ok()) << db.status();
  Statement select(db->get(), "SELECT name, number FROM t");
  ASSERT_TRUE(*select.Step("read"));
  EXPECT_EQ(select.Column(0), "kept");
  EXPECT_EQ(select.ColumnInt(1), 1);
  EXPECT_FALSE(*select.Step("read"));
}

TEST_F(Database, IsReadableByItsOwnerOnly) {
  ASSERT_TRUE(Open(path_, kSchema).ok());
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Database, RefusesOtherProgramsAndLaterVersions) {
  ASSERT_TRUE(Open(path_, kSchema).ok());
  Schema other = kSchema;
  other.application_id = 7;
  EXPECT_EQ(Open(path_, other).status().code(), absl::StatusCode::kFailedPrecondition);
  Schema earlier = kSchema;
  earlier.version = 1;
  const absl::Status status = Open(path_, earlier).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(MessageOf(status)), testing::HasSubstr("later cc-test"));
}

TEST_F(Database, RefusesWhatIsNoDatabase) {
  ASSERT_TRUE(WriteFileAtomic(path_, "this is a text of more than sixteen bytes").ok());
  EXPECT_EQ(Open(path_, kSchema).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Database, NamesTheAttemptThatFailed) {
  auto db = Open(path_, kSchema);
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE(Insert(db->get(), "twice", 1).ok());
  EXPECT_THAT(std::string(MessageOf(Insert(db->get(), "twice", 2))), testing::StartsWith("insert: UNIQUE"));
  Statement bad(db->get(), "SELECT nothing FROM nowhere");
  EXPECT_EQ(bad.Int(1).Step("read").status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace cc::sqlite
