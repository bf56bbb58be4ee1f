// SPDX-License-Identifier: Apache-2.0
// The tree of snapshots in one SQLite file. Each call is one transaction that is on disk when it returns, so
// a process that is killed leaves the last complete state.
//
// Status codes are those that containerd's metadata layer acts upon: NotFound, AlreadyExists,
// FailedPrecondition (removal of a parent, mounts or commit of a committed snapshot), InvalidArgument.
//
// Thread-safe: one connection, one call at a time.
#ifndef CC_SNAPSHOTTER_STORE_H_
#define CC_SNAPSHOTTER_STORE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "snapshotter/snapshot.h"
#include "sqlite/database.h"

namespace cc::snapshotter {

class Store {
 public:
  // Opens or makes the file. FailedPrecondition when it is no database of ours or a damaged one.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path);

  // A new view or active snapshot. NotFound when `parent` (empty: none) is unknown, InvalidArgument when it
  // is not committed, AlreadyExists when `name` is taken.
  absl::StatusOr<Snapshot> Create(Kind kind, const std::string& name, const std::string& parent,
                                  const Labels& labels);

  // A committed snapshot that stands for the remote layer `ref` on top of `parent`. There is one for each
  // such pair, whoever asks. False when it existed.
  absl::StatusOr<bool> CreateRemote(const std::string& ref, const std::string& parent, const Labels& labels);

  absl::StatusOr<Snapshot> Find(const std::string& name);

  // Turns the active snapshot `key` into the committed snapshot `name` with only `labels`. Returns it.
  absl::StatusOr<Snapshot> Commit(const std::string& name, const std::string& key, const Labels& labels);

  // Replaces the labels by what `change` makes of them.
  absl::StatusOr<Snapshot> Update(const std::string& name, const std::function<void(Labels&)>& change);

  // Returns what was removed. FailedPrecondition while it has children.
  absl::StatusOr<Snapshot> Remove(const std::string& name);

  // At most `limit` snapshots whose id is above `after`, by id.
  absl::StatusOr<std::vector<Snapshot>> List(int64_t after, size_t limit);

  // Whether `id` is a view or an active snapshot.
  absl::StatusOr<bool> IsOpen(int64_t id);

 private:
  explicit Store(sqlite::Connection database) : database_(std::move(database)) {}

  absl::StatusOr<std::optional<Snapshot>> Lookup(const std::string& name);
  // The id of a committed `name`.
  absl::StatusOr<int64_t> ParentId(const std::string& name);
  absl::StatusOr<Snapshot> Insert(Kind kind, const std::string& name, const std::string& parent,
                                  const Labels& labels);
  absl::Status ReadLabels(Snapshot& snapshot);
  absl::Status WriteLabels(const Snapshot& snapshot);
  sqlite3* db() const { return database_.get(); }

  std::mutex mutex_;  // guards the connection
  const sqlite::Connection database_;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_STORE_H_
