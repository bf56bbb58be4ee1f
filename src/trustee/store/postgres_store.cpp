// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/postgres_store.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::trustee {
namespace {

constexpr std::chrono::seconds kBorrowTime(5);
constexpr int64_t kSchemaVersion = 1;
// Any number, so long as all versions use the same.
constexpr int64_t kMigrationLock = 0x63637473;

constexpr char kUpsert[] =
    "INSERT INTO cc_trustee_entry (area, name, value, expires) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (area, name) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires";

}  // namespace

// A connection of this caller's own, given back when it goes.
class PostgresStore::Borrowed {
 public:
  Borrowed(PostgresStore* store, PostgresConnection connection)
      : store_(store), connection_(std::move(connection)) {}
  Borrowed(Borrowed&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)), connection_(std::move(other.connection_)) {}
  Borrowed& operator=(Borrowed&&) = delete;
  ~Borrowed() {
    if (store_ == nullptr) return;
    const bool usable = connection_.Usable();
    {
      const std::lock_guard lock(store_->mutex_);
      if (usable) store_->idle_.push_back(std::move(connection_));
      ++store_->free_;
    }
    store_->returned_.notify_one();
  }
  PostgresConnection* operator->() { return &connection_; }

 private:
  PostgresStore* store_;
  PostgresConnection connection_;
};

absl::StatusOr<PostgresStore::Borrowed> PostgresStore::Borrow() {
  {
    std::unique_lock lock(mutex_);
    if (!returned_.wait_for(lock, kBorrowTime, [this] { return free_ > 0; })) {
      return absl::UnavailableError("use the database: all its connections are busy; try again later");
    }
    --free_;
    while (!idle_.empty()) {
      PostgresConnection connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection.Usable()) return Borrowed(this, std::move(connection));
    }
  }
  absl::StatusOr<PostgresConnection> connection = PostgresConnection::Open(address_);
  if (connection.ok()) return Borrowed(this, *std::move(connection));
  {
    const std::lock_guard lock(mutex_);
    ++free_;
  }
  returned_.notify_one();
  return connection.status();
}

absl::StatusOr<std::unique_ptr<PostgresStore>> PostgresStore::Open(PostgresAddress address,
                                                                   unsigned connections) {
  std::unique_ptr<PostgresStore> store(new PostgresStore(std::move(address), connections));
  CC_RETURN_IF_ERROR(store->Migrate());
  return store;
}

absl::Status PostgresStore::Migrate() {
  constexpr std::string_view kWhat = "set up the database";
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  // Left without COMMIT, the connection is not given back, and the server rolls back.
  CC_RETURN_IF_ERROR(connection->Query(kWhat, "BEGIN").status());
  CC_RETURN_IF_ERROR(connection->Query(kWhat, "SELECT pg_advisory_xact_lock($1)", {kMigrationLock}).status());
  CC_RETURN_IF_ERROR(
      connection->Query(kWhat, "CREATE TABLE IF NOT EXISTS cc_trustee_schema (version bigint NOT NULL)")
          .status());
  CC_ASSIGN_OR_RETURN(const PostgresConnection::Result found,
                      connection->Query(kWhat, "SELECT version FROM cc_trustee_schema"));
  if (found.rows() > 1 || (found.rows() == 1 && found.Number(0) > kSchemaVersion)) {
    return absl::FailedPreconditionError(
        StrCat(kWhat, ": made by a later cc-trustee (schema ", found.Number(0), "); update this one"));
  }
  if (found.rows() == 0) {
    // Names are bytes: no collation of the server's decides what is equal or in order.
    for (const char* statement :
         {"CREATE TABLE cc_trustee_entry (area bytea NOT NULL, name bytea NOT NULL, value bytea NOT NULL, "
          "expires bigint NOT NULL, PRIMARY KEY (area, name))",
          "CREATE INDEX cc_trustee_entry_expires ON cc_trustee_entry (expires) WHERE expires > 0"}) {
      CC_RETURN_IF_ERROR(connection->Query(kWhat, statement).status());
    }
    CC_RETURN_IF_ERROR(
        connection->Query(kWhat, "INSERT INTO cc_trustee_schema VALUES ($1)", {kSchemaVersion}).status());
  }
  return connection->Query(kWhat, "COMMIT").status();
}

absl::StatusOr<std::optional<std::string>> PostgresStore::Get(Area area, std::string_view name, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(const PostgresConnection::Result found,
                      connection->Query(StrCat("read a ", AreaName(area)),
                                        "SELECT value FROM cc_trustee_entry WHERE area = $1 AND name = $2 "
                                        "AND (expires = 0 OR expires > $3)",
                                        {AreaName(area), name, now}));
  if (found.rows() == 0) return std::nullopt;
  return found.Bytes(0);
}

absl::Status PostgresStore::Put(Area area, const Entries& entries, int64_t expires) {
  const std::string what = StrCat("write a ", AreaName(area));
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  if (entries.size() == 1) {
    return connection->Query(what, kUpsert, {AreaName(area), entries[0].first, entries[0].second, expires})
        .status();
  }
  // Replicas that write the same names take the rows' locks in one order, so they wait and never deadlock.
  std::vector<const std::pair<std::string, std::string>*> ordered;
  for (const auto& entry : entries) ordered.push_back(&entry);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto* a, const auto* b) { return a->first < b->first; });
  CC_RETURN_IF_ERROR(connection->Query(what, "BEGIN").status());
  for (const auto* entry : ordered) {
    CC_RETURN_IF_ERROR(
        connection->Query(what, kUpsert, {AreaName(area), entry->first, entry->second, expires}).status());
  }
  return connection->Query(what, "COMMIT").status();
}

absl::StatusOr<bool> PostgresStore::Insert(Area area, std::string_view name, std::string_view value) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(const PostgresConnection::Result result,
                      connection->Query(StrCat("write a ", AreaName(area)),
                                        "INSERT INTO cc_trustee_entry (area, name, value, expires) "
                                        "VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING",
                                        {AreaName(area), name, value}));
  return result.changed() == 1;
}

absl::StatusOr<bool> PostgresStore::Exchange(Area area, std::string_view name, std::string_view expected,
                                             std::string_view value, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(const PostgresConnection::Result result,
                      connection->Query(StrCat("change a ", AreaName(area)),
                                        "UPDATE cc_trustee_entry SET value = $1 WHERE area = $2 AND name = "
                                        "$3 AND value = $4 AND (expires = 0 OR expires > $5)",
                                        {value, AreaName(area), name, expected, now}));
  return result.changed() == 1;
}

absl::StatusOr<bool> PostgresStore::Remove(Area area, std::string_view name) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(const PostgresConnection::Result result,
                      connection->Query(StrCat("remove a ", AreaName(area)),
                                        "DELETE FROM cc_trustee_entry WHERE area = $1 AND name = $2",
                                        {AreaName(area), name}));
  return result.changed() == 1;
}

absl::StatusOr<std::vector<std::string>> PostgresStore::List(Area area, int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(const PostgresConnection::Result result,
                      connection->Query(StrCat("list the ", AreaName(area), " area"),
                                        "SELECT name FROM cc_trustee_entry WHERE area = $1 AND (expires = 0 "
                                        "OR expires > $2) ORDER BY name",
                                        {AreaName(area), now}));
  std::vector<std::string> names;
  for (size_t row = 0; row < result.rows(); ++row) names.push_back(result.Bytes(row));
  return names;
}

absl::StatusOr<size_t> PostgresStore::Sweep(int64_t now) {
  CC_ASSIGN_OR_RETURN(Borrowed connection, Borrow());
  CC_ASSIGN_OR_RETURN(
      const PostgresConnection::Result result,
      connection->Query("remove what has expired",
                        "DELETE FROM cc_trustee_entry WHERE expires > 0 AND expires <= $1", {now}));
  return result.changed();
}

}  // namespace cc::trustee
