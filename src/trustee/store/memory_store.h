// SPDX-License-Identifier: Apache-2.0
// A store that forgets when the process ends: sessions of a single service, and tests.
#ifndef CC_TRUSTEE_STORE_MEMORY_STORE_H_
#define CC_TRUSTEE_STORE_MEMORY_STORE_H_

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "trustee/store/store.h"

namespace cc::trustee {

class MemoryStore final : public Store {
 public:
  // At most `capacity` values: anybody may ask for a session, and each costs memory. When it is full, the
  // value that would expire next makes room, so whoever opens sessions without end keeps nobody else out for
  // longer than it takes to begin again. Values that never expire stay.
  explicit MemoryStore(size_t capacity) : capacity_(capacity) {}

  absl::StatusOr<std::optional<std::string>> Get(Area area, std::string_view name, int64_t now) override;
  absl::Status Put(Area area, const Entries& entries, int64_t expires = 0) override;
  absl::StatusOr<bool> Insert(Area area, std::string_view name, std::string_view value) override;
  absl::StatusOr<bool> Exchange(Area area, std::string_view name, std::string_view expected,
                                std::string_view value, int64_t now) override;
  absl::StatusOr<bool> Remove(Area area, std::string_view name) override;
  absl::StatusOr<std::vector<std::string>> List(Area area, int64_t now) override;
  absl::StatusOr<size_t> Sweep(int64_t now) override;

 private:
  struct Value {
    std::string bytes;
    int64_t expires;
    bool Alive(int64_t now) const { return expires == 0 || expires > now; }
  };
  using Key = std::pair<Area, std::string>;
  using Values = std::map<Key, Value>;

  void Erase(Values::iterator value);

  const size_t capacity_;
  std::mutex mutex_;
  Values values_;
  std::set<std::pair<int64_t, const Key*>> expiring_;  // the next one first; keys are those of values_
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_STORE_MEMORY_STORE_H_
