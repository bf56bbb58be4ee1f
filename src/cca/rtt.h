// SPDX-License-Identifier: Apache-2.0
// The shape of a Realm's translation tables while it is built, as far as it decides how an INIT_RIPAS range
// is split. RMM 1.0 changes (and measures) one table entry at a time, at the level where its walk ends; KVM
// makes tables only where an entry would be too large for the rest of the range, and pages need a level 3
// table. A range set before anything is populated is thus done in 2 MiB or larger steps, the same range set
// afterwards partly in 4 KiB steps. Sources: TF-RMM 0.6 smc_rtt_init_ripas, KVM series v7 to v12
// find_map_level and ripas_change.
#ifndef CC_CCA_RTT_H_
#define CC_CCA_RTT_H_

#include <cstdint>
#include <functional>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::cca {

// Granule size 4 KiB, levels 0 to 3. Not thread-safe.
class RttModel {
 public:
  // `ipa_bits` from 32 to 52; they decide the level at which the tables start.
  explicit RttModel(unsigned ipa_bits);

  // Calls `entry(base, top)` for each entry whose RIPAS an INIT_RIPAS of [base, top) changes, ascending.
  // Both are on a granule and base < top.
  void InitRipas(uint64_t base, uint64_t top, const std::function<void(uint64_t, uint64_t)>& entry);

  // A page gets content. FailedPrecondition when it has some already.
  absl::Status Assign(uint64_t ipa);

  int start_level() const { return start_level_; }

 private:
  static constexpr int kPageLevel = 3;

  // The level of the deepest table that covers `ipa`.
  int WalkLevel(uint64_t ipa) const;
  // The level KVM chooses for an entry at `base` in a range that ends at `top`.
  int MapLevel(uint64_t base, uint64_t top) const;
  void CreateTables(uint64_t ipa, int level);

  int start_level_;
  std::unordered_set<uint64_t> tables_[kPageLevel + 1];  // by level: index of what each table covers
  std::unordered_set<uint64_t> assigned_;                // page numbers
};

}  // namespace cc::cca

#endif  // CC_CCA_RTT_H_
