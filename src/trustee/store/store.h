// SPDX-License-Identifier: Apache-2.0
// Where the service keeps what it must remember: values by name, in areas that do not see each other. Each
// call is one transaction: it happens completely or not at all, and what returned OK survives a crash when
// the store is durable. Thread-safe; implementations block.
#ifndef CC_TRUSTEE_STORE_STORE_H_
#define CC_TRUSTEE_STORE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::trustee {

// What an area is for; each has its own names.
enum class Area { kResource, kPolicy, kReferenceValue, kSession, kKey };
std::string_view AreaName(Area area);

using Entries = std::vector<std::pair<std::string, std::string>>;

class Store {
 public:
  virtual ~Store() = default;

  // nullopt when there is no such value or its time has passed. `now` in seconds since the epoch.
  virtual absl::StatusOr<std::optional<std::string>> Get(Area area, std::string_view name, int64_t now) = 0;

  // Writes or replaces all entries. `expires` (seconds since the epoch, 0 = never) holds for each.
  // ResourceExhausted when the store is full.
  virtual absl::Status Put(Area area, const Entries& entries, int64_t expires = 0) = 0;

  // Writes the value only when there is none of that name; false otherwise. It never expires.
  virtual absl::StatusOr<bool> Insert(Area area, std::string_view name, std::string_view value) = 0;

  // Replaces the value only when it still is `expected` and has not expired; its expiry stays. False
  // otherwise.
  virtual absl::StatusOr<bool> Exchange(Area area, std::string_view name, std::string_view expected,
                                        std::string_view value, int64_t now) = 0;

  // False when there was nothing to remove.
  virtual absl::StatusOr<bool> Remove(Area area, std::string_view name) = 0;

  // Names in order.
  virtual absl::StatusOr<std::vector<std::string>> List(Area area, int64_t now) = 0;

  // Removes what expired at or before `now`; returns how many.
  virtual absl::StatusOr<size_t> Sweep(int64_t now) = 0;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_STORE_STORE_H_
