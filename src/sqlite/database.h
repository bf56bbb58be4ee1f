// SPDX-License-Identifier: Apache-2.0
// The little of SQLite that our stores need: durable connections, statements, transactions, a checked schema.
//
//   CC_ASSIGN_OR_RETURN(Connection db, Open(path, {.program = "cc-x", .application_id = 0x…, .create =
//   "…"})); CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db.get())); Statement
//   insert(db.get(), "INSERT INTO t VALUES (?, ?)");
//   CC_RETURN_IF_ERROR(insert.Text(name).Int(number).Step("write a row").status());
//   CC_RETURN_IF_ERROR(transaction.Commit());
//
// A connection and what is made of it belong to one thread at a time.
#ifndef CC_SQLITE_DATABASE_H_
#define CC_SQLITE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cc::sqlite {

// ResourceExhausted when disk or memory is full, Unavailable when another connection holds a lock for too
// long, FailedPrecondition for a damaged file, PermissionDenied when it cannot be opened or written.
absl::Status ErrorStatus(int code, sqlite3* database, std::string_view what);

struct Closer {
  void operator()(sqlite3* database) const;
};
using Connection = std::unique_ptr<sqlite3, Closer>;

struct Schema {
  std::string program;         // for messages
  int32_t application_id = 0;  // PRAGMA application_id
  int32_t version = 1;         // PRAGMA user_version
  std::string create;          // statements that make the tables of an empty database
};

// A connection to an existing file: write-ahead log, every commit on disk before it returns, foreign keys
// enforced, waits up to 10 s for other connections.
absl::StatusOr<Connection> Connect(const std::string& path);

// Makes the file (mode 0600) and its tables when absent, then connects. FailedPrecondition when it is another
// program's or a later version's.
absl::StatusOr<Connection> Open(const std::string& path, const Schema& schema);

// One prepared statement, bound from left to right. Bound texts must outlive the last Step.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Text(std::string_view text);
  Statement& Blob(std::string_view bytes);
  Statement& Int(int64_t number);
  Statement& Null();

  // True when there is a row. `what` names the attempt in the error.
  absl::StatusOr<bool> Step(std::string_view what);

  // Of the current row.
  std::string Column(int index) const;
  int64_t ColumnInt(int index) const;

 private:
  template <typename Bind>
  Statement& BindNext(Bind bind);

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int code_;
  int bound_ = 0;
};

// Runs statements without parameters or results.
absl::Status Execute(sqlite3* database, const std::string& sql, std::string_view what);

// The first column of the first row; 0 without a row.
absl::StatusOr<int64_t> Number(sqlite3* database, std::string_view sql);

// Rows that the last INSERT, UPDATE or DELETE changed.
int64_t Changes(sqlite3* database);

// A write transaction; rolls back unless committed.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(sqlite3* database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ~Transaction();
  absl::Status Commit();

 private:
  explicit Transaction(sqlite3* database) : database_(database) {}
  sqlite3* database_;
};

}  // namespace cc::sqlite

#endif  // CC_SQLITE_DATABASE_H_
