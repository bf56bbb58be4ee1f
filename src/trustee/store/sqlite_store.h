// SPDX-License-Identifier: Apache-2.0
// The durable store: one SQLite file (mode 0600) in write-ahead mode. What Put returned OK for is on disk,
// and a process that is killed leaves the last complete state. Several processes may share the file.
#ifndef CC_TRUSTEE_STORE_SQLITE_STORE_H_
#define CC_TRUSTEE_STORE_SQLITE_STORE_H_

#include <memory>
#include <mutex>

#include "sqlite/database.h"
#include "trustee/store/store.h"

namespace cc::trustee {

class SqliteStore final : public Store {
 public:
  // Opens or makes the file. FailedPrecondition when it is no database of ours or of a later version.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path);

  absl::StatusOr<std::optional<std::string>> Get(Area area, std::string_view name, int64_t now) override;
  absl::Status Put(Area area, const Entries& entries, int64_t expires = 0) override;
  absl::StatusOr<bool> Insert(Area area, std::string_view name, std::string_view value) override;
  absl::StatusOr<bool> Exchange(Area area, std::string_view name, std::string_view expected,
                                std::string_view value, int64_t now) override;
  absl::StatusOr<bool> Remove(Area area, std::string_view name) override;
  absl::StatusOr<std::vector<std::string>> List(Area area, int64_t now) override;
  absl::StatusOr<size_t> Sweep(int64_t now) override;

 private:
  class Borrowed;

  explicit SqliteStore(std::string path) : path_(std::move(path)) {}
  absl::StatusOr<Borrowed> Borrow();

  const std::string path_;
  std::mutex mutex_;  // guards idle_ only; no lock is held while the database works
  std::vector<sqlite::Connection> idle_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_STORE_SQLITE_STORE_H_
