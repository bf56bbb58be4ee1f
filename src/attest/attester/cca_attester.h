// SPDX-License-Identifier: Apache-2.0
// The CCA token of this Realm, signed by the platform and by the Realm Management Monitor.
#ifndef CC_ATTEST_ATTESTER_CCA_ATTESTER_H_
#define CC_ATTEST_ATTESTER_CCA_ATTESTER_H_

#include <string>
#include <string_view>

#include "attest/attester/attester.h"
#include "attest/attester/tsm_report.h"

namespace cc::attest {

inline constexpr std::string_view kCcaTsmProvider = "arm_cca_guest";

// The host chooses the Realm's personalization value, and the host delivers the initdata: it could announce
// the owner's initdata there and give the guest none, or another. Evidence therefore leaves the guest only
// when the value in it is that of the initdata this guest applied, or zero when there is none.
class CcaAttester final : public Attester {
 public:
  // `init_data_digest`: the raw digest, 32, 48 or 64 bytes; empty when the guest has no initdata.
  explicit CcaAttester(TsmReport reports, std::string init_data_digest = {})
      : reports_(std::move(reports)), init_data_digest_(std::move(init_data_digest)) {}
  std::string_view tee() const override { return "cca"; }
  // {"token": [byte, …]}. The report data is zero-padded to the 64 bytes of a Realm challenge.
  // PermissionDenied when the token names other initdata.
  absl::StatusOr<std::string> GetEvidence(std::string_view report_data) override;

 private:
  absl::Status CheckInitData(std::string_view token) const;

  TsmReport reports_;
  std::string init_data_digest_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_ATTESTER_CCA_ATTESTER_H_
