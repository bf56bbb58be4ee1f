// SPDX-License-Identifier: Apache-2.0
// Which attester this machine has.
#ifndef CC_ATTEST_ATTESTER_DETECT_H_
#define CC_ATTEST_ATTESTER_DETECT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "attest/attester/attester.h"
#include "attest/attester/sample_attester.h"
#include "attest/attester/tsm_report.h"

namespace cc::attest {

struct DetectOptions {
  TsmReport reports{std::string(kTsmReportRoot)};
  // Taken when there is no TEE, and only then: on real hardware it changes nothing.
  std::optional<AllowSampleEvidence> sample;
  std::string init_data_digest;  // see CcaAttester
};

// CCA when the kernel's TSM provider says so. FailedPrecondition without a TEE, or with one that does not
// work or that we do not know: the sample attester never stands in for hardware that is there.
absl::StatusOr<std::unique_ptr<Attester>> DetectAttester(const DetectOptions& options);

}  // namespace cc::attest

#endif  // CC_ATTEST_ATTESTER_DETECT_H_
