// SPDX-License-Identifier: Apache-2.0
#include "trustee/verifier/sample_verifier.h"

#include "base/status.h"
#include "jose/base64.h"
#include "jose/json.h"

namespace cc::trustee {

using nlohmann::json;

absl::StatusOr<VerifierClaims> SampleVerifier::Verify(
    const json& evidence, std::string_view report_data,
    const std::optional<std::string>& init_data_digest) const {
  constexpr std::string_view kWhat = "sample evidence";
  if (!evidence.is_object()) return absl::InvalidArgumentError("sample evidence: expected a JSON object");
  CC_ASSIGN_OR_RETURN(const std::string svn, jose::StringMember(evidence, "svn", kWhat));
  CC_ASSIGN_OR_RETURN(const std::string text, jose::StringMember(evidence, "report_data", kWhat));
  const absl::StatusOr<std::string> bound = jose::Base64Decode(text);
  if (!bound.ok()) return Annotate(bound.status(), "sample evidence: report_data");
  if (*bound != report_data) {
    return absl::PermissionDeniedError("sample evidence: 'report_data' is not bound to this session and key");
  }
  VerifierClaims result;
  // The members after the first two are upstream's: its published policies ask for them.
  result.claims = {{"svn", svn},
                   {"report_data", text},
                   {"launch_digest", "abcde"},
                   {"platform_version", {{"major", 1}, {"minor", 4}}},
                   {"debug", false}};
  // Not verified: the sample attester binds nothing but report_data.
  if (init_data_digest.has_value()) result.claims["init_data"] = jose::Base64Encode(*init_data_digest);
  return result;
}

}  // namespace cc::trustee
