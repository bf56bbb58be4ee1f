// SPDX-License-Identifier: Apache-2.0
#include "attest/attester/cca_attester.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {

absl::StatusOr<std::string> CcaAttester::GetEvidence(std::string_view report_data) {
  if (report_data.size() > kMaxReportData) {
    return absl::InvalidArgumentError(
        StrCat("CCA evidence: report data of ", report_data.size(), " bytes, at most ", kMaxReportData));
  }
  std::string challenge(report_data);
  challenge.resize(kMaxReportData, '\0');
  CC_ASSIGN_OR_RETURN(const std::string token, reports_.Get(kCcaTsmProvider, challenge));
  // Upstream's form: the bytes as a list of numbers.
  const std::vector<uint8_t> bytes(token.begin(), token.end());
  return nlohmann::json{{"token", bytes}}.dump();
}

}  // namespace cc::attest
