// SPDX-License-Identifier: Apache-2.0
#include "attest/attester/cca_attester.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cca/rpv.h"
#include "cca/token.h"

namespace cc::attest {

// Our own token, straight from the RMM: its signatures are the verifier's business.
absl::Status CcaAttester::CheckInitData(std::string_view token) const {
  const absl::StatusOr<cca::UnverifiedToken> parsed = cca::UnverifiedToken::Parse(token);
  if (!parsed.ok()) return Annotate(parsed.status(), "attestation: the token of this Realm");
  const std::string& rpv = parsed->realm().rpv;
  if (init_data_digest_.empty()) {
    if (rpv.find_first_not_of('\0') == std::string::npos) return absl::OkStatus();
    return absl::PermissionDeniedError(
        "attestation: this Realm's personalization value announces initdata, but the host delivered none; no "
        "evidence is given");
  }
  if (cca::RpvMatches(rpv, init_data_digest_)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "attestation: the initdata that the host delivered is not the one that this Realm's personalization "
      "value "
      "announces; no evidence is given");
}

absl::StatusOr<std::string> CcaAttester::GetEvidence(std::string_view report_data) {
  if (report_data.size() > kMaxReportData) {
    return absl::InvalidArgumentError(
        StrCat("CCA evidence: report data of ", report_data.size(), " bytes, at most ", kMaxReportData));
  }
  std::string challenge(report_data);
  challenge.resize(kMaxReportData, '\0');
  CC_ASSIGN_OR_RETURN(const std::string token, reports_.Get(kCcaTsmProvider, challenge));
  CC_RETURN_IF_ERROR(CheckInitData(token));
  // Upstream's form: the bytes as a list of numbers.
  const std::vector<uint8_t> bytes(token.begin(), token.end());
  return nlohmann::json{{"token", bytes}}.dump();
}

}  // namespace cc::attest
