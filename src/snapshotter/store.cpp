// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/store.h"

#include <chrono>

#include "base/status.h"
#include "base/strings.h"
#include "snapshotter/labels.h"

namespace cc::snapshotter {
namespace {

using sqlite::Statement;
using sqlite::Transaction;

// A parent cannot go while it has children: the foreign key restricts.
const sqlite::Schema kSchema{
    .program = "cc-snapshotter",
    .application_id = 0x6363736e,  // "ccsn"
    .version = 1,
    .create =
        "CREATE TABLE snapshot (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, "
        "parent INTEGER REFERENCES snapshot (id), kind INTEGER NOT NULL, created INTEGER NOT NULL, "
        "updated INTEGER NOT NULL);"
        "CREATE INDEX snapshot_parent ON snapshot (parent);"
        "CREATE TABLE label (snapshot INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE, "
        "name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (snapshot, name)) WITHOUT ROWID;"
        "CREATE INDEX label_value ON label (name, value)"};

constexpr std::string_view kColumns =
    "s.id, s.name, coalesce(p.name, ''), s.kind, s.created, s.updated "
    "FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent";

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Snapshot RowOf(const Statement& row) {
  return {.id = row.ColumnInt(0),
          .name = row.Column(1),
          .parent = row.Column(2),
          .kind = static_cast<Kind>(row.ColumnInt(3)),
          .created_ns = row.ColumnInt(4),
          .updated_ns = row.ColumnInt(5)};
}

absl::Status NoSuch(std::string_view name) {
  return absl::NotFoundError(StrCat("snapshot '", name, "' does not exist"));
}

absl::Status Taken(std::string_view name) {
  return absl::AlreadyExistsError(StrCat("snapshot '", name, "' already exists"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  CC_ASSIGN_OR_RETURN(sqlite::Connection database, sqlite::Open(path, kSchema));
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

absl::Status Store::ReadLabels(Snapshot& snapshot) {
  Statement select(db(), "SELECT name, value FROM label WHERE snapshot = ?");
  select.Int(snapshot.id);
  while (true) {
    CC_ASSIGN_OR_RETURN(const bool row, select.Step("read labels"));
    if (!row) return absl::OkStatus();
    snapshot.labels.emplace(select.Column(0), select.Column(1));
  }
}

absl::Status Store::WriteLabels(const Snapshot& snapshot) {
  Statement clear(db(), "DELETE FROM label WHERE snapshot = ?");
  CC_RETURN_IF_ERROR(clear.Int(snapshot.id).Step("replace labels").status());
  for (const auto& [name, value] : snapshot.labels) {
    Statement insert(db(), "INSERT INTO label (snapshot, name, value) VALUES (?, ?, ?)");
    CC_RETURN_IF_ERROR(insert.Int(snapshot.id).Text(name).Text(value).Step("write a label").status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Snapshot>> Store::Lookup(const std::string& name) {
  Statement select(db(), StrCat("SELECT ", kColumns, " WHERE s.name = ?"));
  CC_ASSIGN_OR_RETURN(const bool found, select.Text(name).Step("read a snapshot"));
  if (!found) return std::nullopt;
  Snapshot snapshot = RowOf(select);
  CC_RETURN_IF_ERROR(ReadLabels(snapshot));
  return snapshot;
}

absl::StatusOr<int64_t> Store::ParentId(const std::string& name) {
  CC_ASSIGN_OR_RETURN(const std::optional<Snapshot> parent, Lookup(name));
  if (!parent.has_value()) return absl::NotFoundError(StrCat("parent snapshot '", name, "' does not exist"));
  if (parent->kind != Kind::kCommitted) {
    return absl::InvalidArgumentError(StrCat("parent snapshot '", name, "' is not committed"));
  }
  return parent->id;
}

absl::StatusOr<Snapshot> Store::Insert(Kind kind, const std::string& name, const std::string& parent,
                                       const Labels& labels) {
  const int64_t now = Now();
  Snapshot snapshot{.name = name,
                    .parent = parent,
                    .kind = kind,
                    .created_ns = now,
                    .updated_ns = now,
                    .labels = WithoutEmpty(labels)};
  Statement insert(
      db(),
      "INSERT INTO snapshot (name, kind, created, updated, parent) VALUES (?, ?, ?, ?, ?) RETURNING id");
  insert.Text(name).Int(static_cast<int64_t>(kind)).Int(now).Int(now);
  if (parent.empty()) {
    insert.Null();
  } else {
    CC_ASSIGN_OR_RETURN(const int64_t parent_id, ParentId(parent));
    insert.Int(parent_id);
  }
  CC_RETURN_IF_ERROR(insert.Step("write a snapshot").status());
  snapshot.id = insert.ColumnInt(0);
  CC_RETURN_IF_ERROR(insert.Step("write a snapshot").status());  // to the statement's end
  CC_RETURN_IF_ERROR(WriteLabels(snapshot));
  return snapshot;
}

absl::StatusOr<Snapshot> Store::Create(Kind kind, const std::string& name, const std::string& parent,
                                       const Labels& labels) {
  const std::lock_guard lock(mutex_);
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db()));
  CC_ASSIGN_OR_RETURN(const std::optional<Snapshot> existing, Lookup(name));
  if (existing.has_value()) return Taken(name);
  CC_ASSIGN_OR_RETURN(Snapshot snapshot, Insert(kind, name, parent, labels));
  CC_RETURN_IF_ERROR(transaction.Commit());
  return snapshot;
}

absl::StatusOr<bool> Store::CreateRemote(const std::string& ref, const std::string& parent,
                                         const Labels& labels) {
  const std::lock_guard lock(mutex_);
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db()));
  Statement select(db(),
                   "SELECT s.id FROM label l JOIN snapshot s ON s.id = l.snapshot "
                   "LEFT JOIN snapshot p ON p.id = s.parent "
                   "WHERE l.name = ? AND l.value = ? AND s.kind = ? AND coalesce(p.name, '') = ?");
  select.Text(kRefLabel).Text(ref).Int(static_cast<int64_t>(Kind::kCommitted)).Text(parent);
  CC_ASSIGN_OR_RETURN(const bool found, select.Step("look for a layer"));
  if (found) return false;
  // The name is ours to choose; containerd finds the snapshot by label and parent. Somebody else may have
  // taken the plain one.
  CC_ASSIGN_OR_RETURN(const std::optional<Snapshot> named, Lookup(ref));
  const std::string name = named.has_value() ? StrCat(ref, " on ", parent) : ref;
  CC_RETURN_IF_ERROR(Insert(Kind::kCommitted, name, parent, labels).status());
  CC_RETURN_IF_ERROR(transaction.Commit());
  return true;
}

absl::StatusOr<Snapshot> Store::Find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  CC_ASSIGN_OR_RETURN(std::optional<Snapshot> snapshot, Lookup(name));
  if (!snapshot.has_value()) return NoSuch(name);
  return *std::move(snapshot);
}

absl::StatusOr<Snapshot> Store::Commit(const std::string& name, const std::string& key,
                                       const Labels& labels) {
  const std::lock_guard lock(mutex_);
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db()));
  CC_ASSIGN_OR_RETURN(std::optional<Snapshot> snapshot, Lookup(key));
  if (!snapshot.has_value()) return NoSuch(key);
  if (snapshot->kind != Kind::kActive) {
    return absl::FailedPreconditionError(StrCat("snapshot '", key, "' is not active"));
  }
  CC_ASSIGN_OR_RETURN(const std::optional<Snapshot> existing, Lookup(name));
  if (existing.has_value()) return Taken(name);
  snapshot->name = name;
  snapshot->kind = Kind::kCommitted;
  snapshot->created_ns = snapshot->updated_ns = Now();
  snapshot->labels = WithoutEmpty(labels);
  Statement update(db(), "UPDATE snapshot SET name = ?, kind = ?, created = ?, updated = ? WHERE id = ?");
  CC_RETURN_IF_ERROR(update.Text(name)
                         .Int(static_cast<int64_t>(snapshot->kind))
                         .Int(snapshot->created_ns)
                         .Int(snapshot->updated_ns)
                         .Int(snapshot->id)
                         .Step("commit a snapshot")
                         .status());
  CC_RETURN_IF_ERROR(WriteLabels(*snapshot));
  CC_RETURN_IF_ERROR(transaction.Commit());
  return *std::move(snapshot);
}

absl::StatusOr<Snapshot> Store::Update(const std::string& name, const std::function<void(Labels&)>& change) {
  const std::lock_guard lock(mutex_);
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db()));
  CC_ASSIGN_OR_RETURN(std::optional<Snapshot> snapshot, Lookup(name));
  if (!snapshot.has_value()) return NoSuch(name);
  change(snapshot->labels);
  snapshot->labels = WithoutEmpty(snapshot->labels);
  snapshot->updated_ns = Now();
  Statement update(db(), "UPDATE snapshot SET updated = ? WHERE id = ?");
  CC_RETURN_IF_ERROR(update.Int(snapshot->updated_ns).Int(snapshot->id).Step("update a snapshot").status());
  CC_RETURN_IF_ERROR(WriteLabels(*snapshot));
  CC_RETURN_IF_ERROR(transaction.Commit());
  return *std::move(snapshot);
}

absl::StatusOr<Snapshot> Store::Remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  CC_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db()));
  CC_ASSIGN_OR_RETURN(std::optional<Snapshot> snapshot, Lookup(name));
  if (!snapshot.has_value()) return NoSuch(name);
  Statement child(db(), "SELECT 1 FROM snapshot WHERE parent = ? LIMIT 1");
  CC_ASSIGN_OR_RETURN(const bool has_child, child.Int(snapshot->id).Step("look for children"));
  if (has_child) return absl::FailedPreconditionError(StrCat("snapshot '", name, "' has children"));
  Statement erase(db(), "DELETE FROM snapshot WHERE id = ?");
  CC_RETURN_IF_ERROR(erase.Int(snapshot->id).Step("remove a snapshot").status());
  CC_RETURN_IF_ERROR(transaction.Commit());
  return *std::move(snapshot);
}

absl::StatusOr<std::vector<Snapshot>> Store::List(int64_t after, size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<Snapshot> page;
  Statement select(db(), StrCat("SELECT ", kColumns, " WHERE s.id > ? ORDER BY s.id LIMIT ?"));
  select.Int(after).Int(static_cast<int64_t>(limit));
  while (true) {
    CC_ASSIGN_OR_RETURN(const bool row, select.Step("list snapshots"));
    if (!row) return page;
    page.push_back(RowOf(select));
    CC_RETURN_IF_ERROR(ReadLabels(page.back()));
  }
}

absl::StatusOr<bool> Store::IsOpen(int64_t id) {
  const std::lock_guard lock(mutex_);
  Statement select(db(), "SELECT 1 FROM snapshot WHERE id = ? AND kind <> ?");
  return select.Int(id).Int(static_cast<int64_t>(Kind::kCommitted)).Step("look for a snapshot");
}

}  // namespace cc::snapshotter
