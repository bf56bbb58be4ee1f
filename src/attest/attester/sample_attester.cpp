// SPDX-License-Identifier: Apache-2.0
#include "attest/attester/sample_attester.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"

namespace cc::attest {

absl::StatusOr<std::string> SampleAttester::GetEvidence(std::string_view report_data) {
  if (report_data.size() > kMaxReportData) {
    return absl::InvalidArgumentError(
        StrCat("sample evidence: report data of ", report_data.size(), " bytes, at most ", kMaxReportData));
  }
  return nlohmann::json{{"svn", "1"}, {"report_data", jose::Base64Encode(report_data)}}.dump();
}

}  // namespace cc::attest
