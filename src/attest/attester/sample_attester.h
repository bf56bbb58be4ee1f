// SPDX-License-Identifier: Apache-2.0
// Evidence that proves nothing: it repeats the report data, and anybody can make it. For development and for
// emulated machines without a TEE. A trust service must be told to accept it, and so must the guest: the
// constructor takes a token that grep finds.
#ifndef CC_ATTEST_ATTESTER_SAMPLE_ATTESTER_H_
#define CC_ATTEST_ATTESTER_SAMPLE_ATTESTER_H_

#include "attest/attester/attester.h"

namespace cc::attest {

// Say this only where the measured configuration of the guest allows it.
struct AllowSampleEvidence {
  explicit AllowSampleEvidence() = default;
};

class SampleAttester final : public Attester {
 public:
  explicit SampleAttester(AllowSampleEvidence) {}
  std::string_view tee() const override { return "sample"; }
  absl::StatusOr<std::string> GetEvidence(std::string_view report_data) override;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_ATTESTER_SAMPLE_ATTESTER_H_
