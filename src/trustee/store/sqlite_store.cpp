// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::trustee {
namespace {

constexpr int kBusyTimeoutMs = 10000;
// PRAGMA application_id: "ccts".
constexpr int kApplicationId = 0x63637473;
constexpr int kSchemaVersion = 1;

absl::Status SqliteStatus(int code, sqlite3* database, std::string_view what) {
  const std::string message =
      StrCat(what, ": ", database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(message);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return absl::FailedPreconditionError(message);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InternalError(message);
  }
}

// One prepared statement, bound from left to right.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql) : database_(database) {
    code_ = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Text(std::string_view text) {
    if (code_ == SQLITE_OK) {
      code_ = sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    return *this;
  }
  Statement& Blob(std::string_view bytes) {
    // A null pointer would bind NULL.
    const char* data = bytes.data() != nullptr ? bytes.data() : "";
    if (code_ == SQLITE_OK)
      code_ = sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(), SQLITE_STATIC);
    return *this;
  }
  Statement& Int(int64_t number) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }

  // True when there is a row.
  absl::StatusOr<bool> Step(std::string_view what) {
    if (code_ == SQLITE_OK) code_ = sqlite3_step(statement_);
    if (code_ == SQLITE_ROW) {
      code_ = SQLITE_OK;
      return true;
    }
    if (code_ == SQLITE_DONE) return false;
    return SqliteStatus(code_, database_, what);
  }
  std::string Column(int index) const {
    const void* data = sqlite3_column_blob(statement_, index);
    const int size = sqlite3_column_bytes(statement_, index);
    return data == nullptr ? std::string()
                           : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
  }
  int64_t ColumnInt(int index) const { return sqlite3_column_int64(statement_, index); }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
  int bound_ = 0;
};

absl::Status Execute(sqlite3* database, const std::string& sql, std::string_view what) {
  const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteStatus(code, database, what);
}

// The first column of the first row.
absl::StatusOr<int64_t> Number(sqlite3* database, std::string_view sql) {
  Statement statement(database, sql);
  CC_ASSIGN_OR_RETURN(const bool row, statement.Step(sql));
  return row ? statement.ColumnInt(0) : 0;
}

// Rolls back unless committed.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(sqlite3* database) {
    CC_RETURN_IF_ERROR(Execute(database, "BEGIN IMMEDIATE", "begin a transaction"));
    return Transaction(database);
  }
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ~Transaction() {
    if (database_ != nullptr) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  absl::Status Commit() {
    CC_RETURN_IF_ERROR(Execute(database_, "COMMIT", "commit"));
    database_ = nullptr;
    return absl::OkStatus();
  }

 private:
  explicit Transaction(sqlite3* database) : database_(database) {}
  sqlite3* database_;
};

absl::Status Migrate(sqlite3* database, const std::string& path) {
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  CC_ASSIGN_OR_RETURN(const int64_t application, Number(database, "PRAGMA application_id"));
  CC_ASSIGN_OR_RETURN(const int64_t version, Number(database, "PRAGMA user_version"));
  CC_ASSIGN_OR_RETURN(const int64_t objects, Number(database, "SELECT count(*) FROM sqlite_master"));
  if (application != kApplicationId && objects > 0) {
    return absl::FailedPreconditionError(StrCat("open ", path, ": a database of another program"));
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        StrCat("open ", path, ": made by a later cc-trustee (schema ", version, "); update this one"));
  }
  if (version < kSchemaVersion) {
    CC_RETURN_IF_ERROR(
        Execute(database,
                StrCat("CREATE TABLE entry (area TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT "
                       "NULL, expires INTEGER NOT NULL, PRIMARY KEY (area, name)) WITHOUT ROWID;"
                       "CREATE INDEX entry_expires ON entry (expires) WHERE expires > 0;"
                       "PRAGMA application_id = ",
                       kApplicationId, "; PRAGMA user_version = ", kSchemaVersion, ";"),
                "create the tables"));
  }
  return transaction.Commit();
}

}  // namespace

void SqliteStore::Closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

// A connection of this caller's own, given back when it goes.
class SqliteStore::Borrowed {
 public:
  Borrowed(SqliteStore* store, Connection connection) : store_(store), connection_(std::move(connection)) {}
  Borrowed(Borrowed&&) noexcept = default;
  Borrowed& operator=(Borrowed&&) = delete;
  ~Borrowed() {
    if (connection_ == nullptr) return;
    const std::lock_guard lock(store_->mutex_);
    store_->idle_.push_back(std::move(connection_));
  }
  sqlite3* get() const { return connection_.get(); }

 private:
  SqliteStore* store_;
  Connection connection_;
};

absl::StatusOr<SqliteStore::Connection> SqliteStore::Connect() const {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(raw);
  if (code != SQLITE_OK) return SqliteStatus(code, raw, StrCat("open ", path_));
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_extended_result_codes(raw, 1);
  CC_RETURN_IF_ERROR(
      Execute(raw,
              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
              "PRAGMA trusted_schema = OFF;",
              StrCat("open ", path_)));
  return connection;
}

absl::StatusOr<SqliteStore::Borrowed> SqliteStore::Borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return Borrowed(this, std::move(connection));
    }
  }
  CC_ASSIGN_OR_RETURN(Connection connection, Connect());
  return Borrowed(this, std::move(connection));
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path) {
  // SQLite would make it with the umask's mode; its -wal and -shm files take the mode of the main file.
  CC_RETURN_IF_ERROR(OpenFile(path, O_RDWR | O_CREAT, 0600).status());
  std::unique_ptr<SqliteStore> store(new SqliteStore(path));
  CC_ASSIGN_OR_RETURN(Borrowed connection, store->Borrow());
  CC_RETURN_IF_ERROR(Migrate(connection.get(), path));
  return store;
}

absl::StatusOr<std::optional<std::string>> SqliteStore::Get(Area area, std::string_view name, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  Statement select(connection.get(),
                   "SELECT value FROM entry WHERE area = ? AND name = ? AND (expires = 0 OR expires > ?)");
  CC_ASSIGN_OR_RETURN(
      const bool found,
      select.Text(AreaName(area)).Text(name).Int(now).Step(StrCat("read a ", AreaName(area))));
  if (!found) return std::nullopt;
  return select.Column(0);
}

absl::Status SqliteStore::Put(Area area, const Entries& entries, int64_t expires) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection.get()));
  for (const auto& [name, value] : entries) {
    Statement insert(connection.get(),
                     "INSERT OR REPLACE INTO entry (area, name, value, expires) VALUES (?, ?, ?, ?)");
    CC_RETURN_IF_ERROR(insert.Text(AreaName(area))
                           .Text(name)
                           .Blob(value)
                           .Int(expires)
                           .Step(StrCat("write a ", AreaName(area)))
                           .status());
  }
  return transaction.Commit();
}

absl::StatusOr<bool> SqliteStore::Exchange(Area area, std::string_view name, std::string_view expected,
                                           std::string_view value, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  Statement update(connection.get(),
                   "UPDATE entry SET value = ? WHERE area = ? AND name = ? AND value = ? AND (expires = 0 OR "
                   "expires > ?)");
  CC_RETURN_IF_ERROR(update.Blob(value)
                         .Text(AreaName(area))
                         .Text(name)
                         .Blob(expected)
                         .Int(now)
                         .Step(StrCat("change a ", AreaName(area)))
                         .status());
  return sqlite3_changes(connection.get()) == 1;
}

absl::StatusOr<bool> SqliteStore::Remove(Area area, std::string_view name) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  Statement erase(connection.get(), "DELETE FROM entry WHERE area = ? AND name = ?");
  CC_RETURN_IF_ERROR(
      erase.Text(AreaName(area)).Text(name).Step(StrCat("remove a ", AreaName(area))).status());
  return sqlite3_changes(connection.get()) == 1;
}

absl::StatusOr<std::vector<std::string>> SqliteStore::List(Area area, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  Statement select(connection.get(),
                   "SELECT name FROM entry WHERE area = ? AND (expires = 0 OR expires > ?) ORDER BY name");
  select.Text(AreaName(area)).Int(now);
  std::vector<std::string> names;
  while (true) {
    CC_ASSIGN_OR_RETURN(const bool row, select.Step(StrCat("list the ", AreaName(area), " area")));
    if (!row) return names;
    names.push_back(select.Column(0));
  }
}

absl::StatusOr<size_t> SqliteStore::Sweep(int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  Statement erase(connection.get(), "DELETE FROM entry WHERE expires > 0 AND expires <= ?");
  CC_RETURN_IF_ERROR(erase.Int(now).Step("remove what has expired").status());
  return static_cast<size_t>(sqlite3_changes(connection.get()));
}

}  // namespace cc::trustee
