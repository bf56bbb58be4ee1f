// SPDX-License-Identifier: Apache-2.0
#include "trustee/verifier/cca_verifier.h"

#include "base/status.h"
#include "cca/claims_json.h"
#include "cca/rpv.h"
#include "cca/token.h"
#include "jose/base64.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr size_t kMaxToken = 64 << 10;

absl::StatusOr<std::string> TokenBytes(const json& evidence) {
  const auto token = evidence.is_object() ? evidence.find("token") : evidence.end();
  if (!evidence.is_object() || token == evidence.end()) {
    return absl::InvalidArgumentError("CCA evidence: member 'token' is missing");
  }
  if (token->is_string()) {
    absl::StatusOr<std::string> bytes = jose::Base64Decode(token->get_ref<const std::string&>());
    if (!bytes.ok()) return Annotate(bytes.status(), "CCA evidence: token");
    return bytes;
  }
  if (!token->is_array() || token->size() > kMaxToken) {
    return absl::InvalidArgumentError(
        "CCA evidence: 'token' must be an array of at most 65536 bytes or base64");
  }
  std::string bytes;
  bytes.reserve(token->size());
  for (const json& item : *token) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > 0xff) {
      return absl::InvalidArgumentError("CCA evidence: 'token' has an element that is no byte");
    }
    bytes.push_back(static_cast<char>(item.get<uint64_t>()));
  }
  return bytes;
}

}  // namespace

absl::StatusOr<VerifierClaims> CcaVerifier::Verify(const json& evidence, std::string_view report_data,
                                                   const std::optional<std::string>& init_data_digest) const {
  CC_ASSIGN_OR_RETURN(const std::string bytes, TokenBytes(evidence));
  CC_ASSIGN_OR_RETURN(const cca::UnverifiedToken token, cca::UnverifiedToken::Parse(bytes));
  CC_ASSIGN_OR_RETURN(const cca::CcaClaims claims, cca::VerifyToken(token, anchors_, report_data, options_));
  if (init_data_digest.has_value() && !cca::RpvMatches(claims.realm.rpv, *init_data_digest)) {
    return absl::PermissionDeniedError(
        "CCA evidence: 'initdata' of the request is not what the Realm was started with (its digest is not "
        "the "
        "personalization value)");
  }
  VerifierClaims result;
  result.claims = cca::ClaimsJson(claims);
  return result;
}

}  // namespace cc::trustee
