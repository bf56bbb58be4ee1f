// SPDX-License-Identifier: Apache-2.0
// The store that several replicas share: one table in a PostgreSQL database. What Put returned OK for is on
// the server's disk. A server that goes away makes calls fail with Unavailable until it is back; no call
// waits longer than some seconds for it.
#ifndef CC_TRUSTEE_STORE_POSTGRES_STORE_H_
#define CC_TRUSTEE_STORE_POSTGRES_STORE_H_

#include <condition_variable>
#include <memory>
#include <mutex>

#include "trustee/store/postgres_connection.h"
#include "trustee/store/store.h"

namespace cc::trustee {

class PostgresStore final : public Store {
 public:
  // Makes the tables in an empty database; replicas may start at once. Keeps at most `connections` open.
  // FailedPrecondition when the tables are of a later version.
  static absl::StatusOr<std::unique_ptr<PostgresStore>> Open(PostgresAddress address, unsigned connections);

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

  PostgresStore(PostgresAddress address, unsigned connections)
      : address_(std::move(address)), free_(connections) {}
  absl::StatusOr<Borrowed> Borrow();
  absl::Status Migrate();

  const PostgresAddress address_;
  std::mutex mutex_;  // guards free_ and idle_; no lock is held while the database works
  std::condition_variable returned_;
  unsigned free_;  // connections that may still be taken, idle ones included
  std::vector<PostgresConnection> idle_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_STORE_POSTGRES_STORE_H_
