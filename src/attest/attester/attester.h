// SPDX-License-Identifier: Apache-2.0
// Evidence of the environment this process runs in.
#ifndef CC_ATTEST_ATTESTER_ATTESTER_H_
#define CC_ATTEST_ATTESTER_ATTESTER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::attest {

// Any thread may call.
class Attester {
 public:
  virtual ~Attester() = default;
  // The name of the TEE in the KBS protocol: "cca", "sample".
  virtual std::string_view tee() const = 0;
  // The evidence, a JSON object, over at most 64 bytes of report data. Fresh on each call.
  virtual absl::StatusOr<std::string> GetEvidence(std::string_view report_data) = 0;
};

inline constexpr size_t kMaxReportData = 64;

}  // namespace cc::attest

#endif  // CC_ATTEST_ATTESTER_ATTESTER_H_
