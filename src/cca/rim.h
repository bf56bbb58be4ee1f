// SPDX-License-Identifier: Apache-2.0
// The Realm Initial Measurement, computed beforehand: what the RMM will report for a plan. RMM specification,
// section "Realm Initial Measurement", descriptor types RmmMeasurementDescriptorData, -Rec and -Ripas.
#ifndef CC_CCA_RIM_H_
#define CC_CCA_RIM_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cca/plan.h"
#include "cca/rtt.h"
#include "jose/digest.h"

namespace cc::cca {

// What a version of the RMM specification measures. A kernel's ABI generation does not tell it: ask the RMM
// (the version in the kernel's log) or the owner.
enum class RmmVersion {
  k1_0,  // 1.0 and 1.1 (TF-RMM up to 0.8): each table entry whose RIPAS an INIT_RIPAS changes extends the RIM
  k2_0,  // 2.0 (TF-RMM 0.9): INIT_RIPAS does not extend the RIM
};

// Extends a RIM step by step. Starts with the measured parameters. Not thread-safe.
class RimCalculator {
 public:
  RimCalculator(const RealmParams& params, RmmVersion version);

  void Add(const InitRipas& range);
  // FailedPrecondition when a page is populated a second time.
  absl::Status Add(const Populate& range);
  void Add(const CreateRec& rec);

  // One page whose hash is known; `content_hash` is empty for a page that is not measured.
  absl::Status AddPage(uint64_t ipa, std::string_view content_hash);

  // 32 bytes for sha256, 64 for sha512: as long as in the token.
  const std::string& rim() const { return rim_; }
  // The hash of one page with this Realm's algorithm.
  std::string HashPage(std::string_view page) const { return jose::Digest(hash_, page); }

 private:
  const std::string& HashOfZeros();  // of a page; most of a Realm's early memory
  void Extend(std::string_view descriptor) { rim_ = jose::Digest(hash_, descriptor); }

  jose::Hash hash_;
  RmmVersion version_;
  RttModel rtt_;
  std::string rim_;
  std::string hash_of_zeros_;  // empty until it is needed
};

// The RIM of the whole plan.
absl::StatusOr<std::string> MeasureRealm(const RealmPlan& plan, RmmVersion version);

}  // namespace cc::cca

#endif  // CC_CCA_RIM_H_
