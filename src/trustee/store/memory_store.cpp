// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/memory_store.h"

#include "base/strings.h"

namespace cc::trustee {

std::string_view AreaName(Area area) {
  switch (area) {
    case Area::kResource:
      return "resource";
    case Area::kPolicy:
      return "policy";
    case Area::kReferenceValue:
      return "reference_value";
    case Area::kSession:
      return "session";
    case Area::kKey:
      return "key";
  }
  return "";
}

absl::StatusOr<std::optional<std::string>> MemoryStore::Get(Area area, std::string_view name, int64_t now) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find({area, std::string(name)});
  if (found == values_.end() || !found->second.Alive(now)) return std::nullopt;
  return found->second.bytes;
}

absl::Status MemoryStore::Put(Area area, const Entries& entries, int64_t expires) {
  const std::lock_guard lock(mutex_);
  while (values_.size() + entries.size() > capacity_) {
    if (expiring_.empty()) {
      return absl::ResourceExhaustedError(
          StrCat("store a ", AreaName(area), ": ", capacity_, " values are held already; try again later"));
    }
    Erase(values_.find(*expiring_.begin()->second));
  }
  for (const auto& [name, bytes] : entries) {
    const auto [value, fresh] = values_.try_emplace({area, name});
    if (!fresh) expiring_.erase({value->second.expires, &value->first});
    value->second = Value{bytes, expires};
    if (expires != 0) expiring_.emplace(expires, &value->first);
  }
  return absl::OkStatus();
}

void MemoryStore::Erase(Values::iterator value) {
  expiring_.erase({value->second.expires, &value->first});
  values_.erase(value);
}

absl::StatusOr<bool> MemoryStore::Insert(Area area, std::string_view name, std::string_view value) {
  const std::lock_guard lock(mutex_);
  return values_.try_emplace({area, std::string(name)}, Value{std::string(value), 0}).second;
}

absl::StatusOr<bool> MemoryStore::Exchange(Area area, std::string_view name, std::string_view expected,
                                           std::string_view value, int64_t now) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find({area, std::string(name)});
  if (found == values_.end() || !found->second.Alive(now) || found->second.bytes != expected) return false;
  found->second.bytes = value;
  return true;
}

absl::StatusOr<bool> MemoryStore::Remove(Area area, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find({area, std::string(name)});
  if (found == values_.end()) return false;
  Erase(found);
  return true;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::List(Area area, int64_t now) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (auto it = values_.lower_bound({area, ""}); it != values_.end() && it->first.first == area; ++it) {
    if (it->second.Alive(now)) names.push_back(it->first.second);
  }
  return names;
}

absl::StatusOr<size_t> MemoryStore::Sweep(int64_t now) {
  const std::lock_guard lock(mutex_);
  size_t swept = 0;
  for (; !expiring_.empty() && expiring_.begin()->first <= now; ++swept) {
    Erase(values_.find(*expiring_.begin()->second));
  }
  return swept;
}

}  // namespace cc::trustee
