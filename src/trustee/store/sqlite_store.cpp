// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/sqlite_store.h"

#include "base/status.h"
#include "base/strings.h"

namespace cc::trustee {
namespace {

const sqlite::Schema kSchema{
    .program = "cc-trustee",
    .application_id = 0x63637473,  // "ccts"
    .version = 1,
    .create =
        "CREATE TABLE entry (area TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER "
        "NOT NULL, PRIMARY KEY (area, name)) WITHOUT ROWID;"
        "CREATE INDEX entry_expires ON entry (expires) WHERE expires > 0"};

}  // namespace

// A connection of this caller's own, given back when it goes.
class SqliteStore::Borrowed {
 public:
  Borrowed(SqliteStore* store, sqlite::Connection connection)
      : store_(store), connection_(std::move(connection)) {}
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
  sqlite::Connection connection_;
};

absl::StatusOr<SqliteStore::Borrowed> SqliteStore::Borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      sqlite::Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return Borrowed(this, std::move(connection));
    }
  }
  CC_ASSIGN_OR_RETURN(sqlite::Connection connection, sqlite::Connect(path_));
  return Borrowed(this, std::move(connection));
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path) {
  CC_ASSIGN_OR_RETURN(sqlite::Connection connection, sqlite::Open(path, kSchema));
  std::unique_ptr<SqliteStore> store(new SqliteStore(path));
  store->idle_.push_back(std::move(connection));
  return store;
}

absl::StatusOr<std::optional<std::string>> SqliteStore::Get(Area area, std::string_view name, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  sqlite::Statement select(
      connection.get(),
      "SELECT value FROM entry WHERE area = ? AND name = ? AND (expires = 0 OR expires > ?)");
  CC_ASSIGN_OR_RETURN(
      const bool found,
      select.Text(AreaName(area)).Text(name).Int(now).Step(StrCat("read a ", AreaName(area))));
  if (!found) return std::nullopt;
  return select.Column(0);
}

absl::Status SqliteStore::Put(Area area, const Entries& entries, int64_t expires) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(sqlite::Transaction transaction, sqlite::Transaction::Begin(connection.get()));
  for (const auto& [name, value] : entries) {
    sqlite::Statement insert(connection.get(),
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

absl::StatusOr<bool> SqliteStore::Insert(Area area, std::string_view name, std::string_view value) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  sqlite::Statement insert(connection.get(),
                           "INSERT OR IGNORE INTO entry (area, name, value, expires) VALUES (?, ?, ?, 0)");
  CC_RETURN_IF_ERROR(
      insert.Text(AreaName(area)).Text(name).Blob(value).Step(StrCat("write a ", AreaName(area))).status());
  return sqlite::Changes(connection.get()) == 1;
}

absl::StatusOr<bool> SqliteStore::Exchange(Area area, std::string_view name, std::string_view expected,
                                           std::string_view value, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  sqlite::Statement update(
      connection.get(),
      "UPDATE entry SET value = ? WHERE area = ? AND name = ? AND value = ? AND (expires = 0 OR "
      "expires > ?)");
  CC_RETURN_IF_ERROR(update.Blob(value)
                         .Text(AreaName(area))
                         .Text(name)
                         .Blob(expected)
                         .Int(now)
                         .Step(StrCat("change a ", AreaName(area)))
                         .status());
  return sqlite::Changes(connection.get()) == 1;
}

absl::StatusOr<bool> SqliteStore::Remove(Area area, std::string_view name) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  sqlite::Statement erase(connection.get(), "DELETE FROM entry WHERE area = ? AND name = ?");
  CC_RETURN_IF_ERROR(
      erase.Text(AreaName(area)).Text(name).Step(StrCat("remove a ", AreaName(area))).status());
  return sqlite::Changes(connection.get()) == 1;
}

absl::StatusOr<std::vector<std::string>> SqliteStore::List(Area area, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  sqlite::Statement select(
      connection.get(),
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
  sqlite::Statement erase(connection.get(), "DELETE FROM entry WHERE expires > 0 AND expires <= ?");
  CC_RETURN_IF_ERROR(erase.Int(now).Step("remove what has expired").status());
  return static_cast<size_t>(sqlite::Changes(connection.get()));
}

}  // namespace cc::trustee
