// SPDX-License-Identifier: Apache-2.0
// The CCA token of this Realm, signed by the platform and by the Realm Management Monitor.
#ifndef CC_ATTEST_ATTESTER_CCA_ATTESTER_H_
#define CC_ATTEST_ATTESTER_CCA_ATTESTER_H_

#include "attest/attester/attester.h"
#include "attest/attester/tsm_report.h"

namespace cc::attest {

inline constexpr std::string_view kCcaTsmProvider = "arm_cca_guest";

class CcaAttester final : public Attester {
 public:
  explicit CcaAttester(TsmReport reports) : reports_(std::move(reports)) {}
  std::string_view tee() const override { return "cca"; }
  // {"token": [byte, …]}. The report data is zero-padded to the 64 bytes of a Realm challenge.
  absl::StatusOr<std::string> GetEvidence(std::string_view report_data) override;

 private:
  TsmReport reports_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_ATTESTER_CCA_ATTESTER_H_
