// SPDX-License-Identifier: Apache-2.0
#include "cca/rtt.h"

#include <algorithm>

#include "base/strings.h"

namespace cc::cca {
namespace {

constexpr unsigned kPageShift = 12;
constexpr unsigned kBitsPerLevel = 9;

// The size of what one entry of a table at `level` covers: 4 KiB, 2 MiB, 1 GiB, 512 GiB from level 3 up to 0.
constexpr uint64_t EntrySize(int level) {
  return uint64_t{1} << (kPageShift + kBitsPerLevel * static_cast<unsigned>(3 - level));
}

// A table at `level` is as large as an entry one level up.
constexpr uint64_t TableIndex(uint64_t ipa, int level) { return ipa / EntrySize(level - 1); }

}  // namespace

// Up to 16 tables may stand side by side at the start (4 bits), hence the 8 = 12 - 4.
RttModel::RttModel(unsigned ipa_bits)
    : start_level_(4 -
                   (std::clamp(static_cast<int>(ipa_bits), 32, 52) - 8) / static_cast<int>(kBitsPerLevel)) {}

int RttModel::WalkLevel(uint64_t ipa) const {
  int level = start_level_;
  while (level < kPageLevel && tables_[level + 1].contains(TableIndex(ipa, level + 1))) ++level;
  return level;
}

int RttModel::MapLevel(uint64_t base, uint64_t top) const {
  int level = kPageLevel;
  while (level > start_level_ && base % EntrySize(level - 1) == 0 && EntrySize(level - 1) <= top - base)
    --level;
  return level;
}

void RttModel::CreateTables(uint64_t ipa, int level) {
  for (int at = start_level_ + 1; at <= level; ++at) tables_[at].insert(TableIndex(ipa, at));
}

void RttModel::InitRipas(uint64_t base, uint64_t top, const std::function<void(uint64_t, uint64_t)>& entry) {
  while (base < top) {
    int level = WalkLevel(base);
    if (base % EntrySize(level) != 0 || EntrySize(level) > top - base) {
      level = MapLevel(base, top);
      CreateTables(base, level);
    }
    const uint64_t next = base + EntrySize(level);
    // Only level 3 entries are ever assigned: a page needs a table of that level.
    if (level != kPageLevel || !assigned_.contains(base >> kPageShift)) entry(base, next);
    base = next;
  }
}

absl::Status RttModel::Assign(uint64_t ipa) {
  CreateTables(ipa, kPageLevel);
  if (!assigned_.insert(ipa >> kPageShift).second) {
    return absl::FailedPreconditionError(
        StrCat("realm page ", ipa >> kPageShift, " (of 4 KiB) is populated twice; the RMM refuses that"));
  }
  return absl::OkStatus();
}

}  // namespace cc::cca
