// SPDX-License-Identifier: Apache-2.0
#include "sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::sqlite {
namespace {

constexpr int kBusyTimeoutMs = 10000;

absl::Status Migrate(sqlite3* database, const std::string& path, const Schema& schema) {
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  CC_ASSIGN_OR_RETURN(const int64_t application, Number(database, "PRAGMA application_id"));
  CC_ASSIGN_OR_RETURN(const int64_t version, Number(database, "PRAGMA user_version"));
  CC_ASSIGN_OR_RETURN(const int64_t objects, Number(database, "SELECT count(*) FROM sqlite_master"));
  if (application != schema.application_id && objects > 0) {
    return absl::FailedPreconditionError(StrCat("open ", path, ": a database of another program"));
  }
  if (version > schema.version) {
    return absl::FailedPreconditionError(StrCat("open ", path, ": made by a later ", schema.program,
                                                " (schema ", version, "); update this one"));
  }
  if (version < schema.version) {
    CC_RETURN_IF_ERROR(Execute(database,
                               StrCat(schema.create, ";PRAGMA application_id = ", schema.application_id,
                                      ";PRAGMA user_version = ", schema.version, ";"),
                               "create the tables"));
  }
  return transaction.Commit();
}

}  // namespace

absl::Status ErrorStatus(int code, sqlite3* database, std::string_view what) {
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

void Closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

absl::StatusOr<Connection> Connect(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(raw);
  if (code != SQLITE_OK) return ErrorStatus(code, raw, StrCat("open ", path));
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_extended_result_codes(raw, 1);
  CC_RETURN_IF_ERROR(
      Execute(raw,
              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
              "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;",
              StrCat("open ", path)));
  return connection;
}

absl::StatusOr<Connection> Open(const std::string& path, const Schema& schema) {
  // SQLite would make it with the umask's mode; its -wal and -shm files take the mode of the main file.
  CC_RETURN_IF_ERROR(OpenFile(path, O_RDWR | O_CREAT, 0600).status());
  CC_ASSIGN_OR_RETURN(Connection connection, Connect(path));
  CC_RETURN_IF_ERROR(Migrate(connection.get(), path, schema));
  return connection;
}

Statement::Statement(sqlite3* database, std::string_view sql) : database_(database) {
  code_ = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

template <typename Bind>
Statement& Statement::BindNext(Bind bind) {
  if (code_ == SQLITE_OK) code_ = bind(++bound_);
  return *this;
}

Statement& Statement::Text(std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";  // a null pointer would bind NULL
  return BindNext([&](int index) {
    return sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  });
}

Statement& Statement::Blob(std::string_view bytes) {
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  return BindNext(
      [&](int index) { return sqlite3_bind_blob64(statement_, index, data, bytes.size(), SQLITE_STATIC); });
}

Statement& Statement::Int(int64_t number) {
  return BindNext([&](int index) { return sqlite3_bind_int64(statement_, index, number); });
}

Statement& Statement::Null() {
  return BindNext([&](int index) { return sqlite3_bind_null(statement_, index); });
}

absl::StatusOr<bool> Statement::Step(std::string_view what) {
  if (code_ == SQLITE_OK) code_ = sqlite3_step(statement_);
  if (code_ == SQLITE_ROW) {
    code_ = SQLITE_OK;
    return true;
  }
  if (code_ == SQLITE_DONE) return false;
  return ErrorStatus(code_, database_, what);
}

std::string Statement::Column(int index) const {
  const void* data = sqlite3_column_blob(statement_, index);
  const int size = sqlite3_column_bytes(statement_, index);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

int64_t Statement::ColumnInt(int index) const { return sqlite3_column_int64(statement_, index); }

absl::Status Execute(sqlite3* database, const std::string& sql, std::string_view what) {
  const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorStatus(code, database, what);
}

absl::StatusOr<int64_t> Number(sqlite3* database, std::string_view sql) {
  Statement statement(database, sql);
  CC_ASSIGN_OR_RETURN(const bool row, statement.Step(sql));
  return row ? statement.ColumnInt(0) : 0;
}

int64_t Changes(sqlite3* database) { return sqlite3_changes(database); }

absl::StatusOr<Transaction> Transaction::Begin(sqlite3* database) {
  CC_RETURN_IF_ERROR(Execute(database, "BEGIN IMMEDIATE", "begin a transaction"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

absl::Status Transaction::Commit() {
  CC_RETURN_IF_ERROR(Execute(database_, "COMMIT", "commit"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace cc::sqlite
